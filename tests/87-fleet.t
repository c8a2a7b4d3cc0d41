#!/bin/sh
# A fleet on many machines: GNU parallel carries the pipes, to three sshd on the
# loopback; workers are killed, and one host goes away.  SOAK=1: 2,000 namespaces.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/ssh.sh"
. "$TOP/tests/fleet.sh"

for program in parallel ssh sshd; do
	PATH=$PATH:/usr/sbin command -v $program >/dev/null ||
		fail "$program is installed (parallel, openssh-client, openssh-server)"
done
many=36
[ -z "${SOAK:-}" ] || many=2000

reaper=
at_exit() {
	ssh_stop
	[ -z "$reaper" ] || kill "$reaper" 2>/dev/null
}

# --- three hosts
for n in 1 2 3; do
	mkdir home$n
	ssh_host host$n "SEG_STORE=$T/store" "WORK=$T/home$n"
	echo "2/ssh -F $T/ssh_config host$n" >>hosts
	ok "host $n" ssh -F ssh_config host$n 'cd "$WORK" && seg-list -V'
done

# --- a fleet: six cuts each, some of them merged
fleet $many
cp -r store serial

# What one machine makes of it.
round='seg-plan -c all | seg-fetch -d "$d" | seg-merge | seg-upload -m >/dev/null'
prune='seg-plan -x -o 0s | seg-rm >/dev/null'
mkdir one
ok "serially" env SEG_STORE="$T/serial" d="$T/one" sh -c "seg-list | $round"
ok "and pruned" env SEG_STORE="$T/serial" sh -c "seg-list | $prune"
objects serial >want
is "$(wc -l <want)" $((2 * many)) "one segment of each is left"

# A set is never split, whatever the block is.
seg-list >listing
for block in 100 3k; do
	ok "blocks of $block" sh -c "parallel --will-cite --pipe --regexp \
		--recend '\\n!?\\n' --block $block -k -j 2 \
		'seg-plan -c all' <listing >plans 2>/dev/null"
	seg-plan -c all <listing >whole
	same plans whole "give the same plans, in order"
done
{ sed -n '/^db0001/p' listing; echo '!'; sed -n '/^db0002/p' listing; echo; } >failed
run sh -c "parallel --will-cite --pipe --regexp --recend '\\n!?\\n' --block 100 -k \
	'seg-plan -c all' <failed"
is "$(grep -c '^!$' out) $(grep -c '^$' out)" "1 1" "a failed set stays one"

# job: on whichever host, in a directory of its own; what failed is tried again
job='d=$WORK/job{#} && mkdir -p "$d" && '"$round"' && rm -rf "$d"'
on_all() { # LOG JOB
	parallel --will-cite --pipe --regexp --recend '\n!?\n' --block 2k \
		--sshloginfile hosts -k --joblog "$1" --retries 8 "$2" <listing
}

# Killed at random: a program of a worker, again and again.
reap() {
	while [ ! -e quiet ]; do
		for p in /proc/[0-9]*; do
			case $(readlink "$p/exe" 2>/dev/null) in
			*/seg-upload | */seg-merge | */seg-fetch)
				grep -qz "WORK=$T" "$p/environ" 2>/dev/null || continue
				[ $(($(od -An -N1 -tu1 /dev/urandom) % 4)) = 0 ] &&
					kill -9 "${p#/proc/}" 2>/dev/null &&
					echo killed >>kills
				;;
			esac
		done
		sleep 0.2
	done
}
: >kills
reap &
reaper=$!
# One host goes away on the way, with all that runs there.
{
	sleep 2
	ssh_host_gone host3
	for p in /proc/[0-9]*; do
		grep -qz "WORK=$T/home3" "$p/environ" 2>/dev/null &&
			kill -9 "${p#/proc/}" 2>/dev/null
	done
} &
away=$!
run on_all log "$job"
note "$(wc -l <kills) kills, status $status, $(($(wc -l <log) - 1)) jobs"
: >quiet
wait $reaper $away 2>/dev/null
# Who was given up: with the last hosts, until all is done.
sed -i 3d hosts
ok "another round, for what is left" on_all log2 "$job"
ok "pruned by many" on_all log3 "$prune"
seg-list >listing
ok "once more, for what came late" on_all log4 "$prune"
objects store >got
same got want "the store is that of one machine, byte for byte"
ok "and whole" sh -c 'seg-list | seg-verify >/dev/null'
no_leftovers store
done_testing
