#!/bin/sh
# A fleet on many machines: GNU parallel carries the pipes, to three sshd on the
# loopback; workers are killed, and one host goes away.  SOAK=1: 2,000 namespaces.
. "$(dirname "$0")/lib.sh"

for program in parallel ssh sshd; do
	PATH=$PATH:/usr/sbin command -v $program >/dev/null ||
		fail "$program is installed (parallel, openssh-client, openssh-server)"
done
many=36
[ -z "${SOAK:-}" ] || many=2000

pids=
at_exit() {
	for p in $pids; do
		kill "$p" 2>/dev/null
	done
	[ -z "${made_run-}" ] || rmdir /run/sshd 2>/dev/null
}

# --- three hosts
ssh-keygen -q -t ed25519 -N '' -f host_key
ssh-keygen -q -t ed25519 -N '' -f user_key
cp user_key.pub authorized
chmod 600 authorized
if [ "$(id -u)" = 0 ] && mkdir -m 755 /run/sshd 2>/dev/null; then
	made_run=1
fi
sshd=$(PATH=$PATH:/usr/sbin command -v sshd)
# host N: one of them; its port in port.N, its process in pid.N
host() {
	mkdir -p "home$1"
	cat >"sshd.$1" <<-END
		ListenAddress 127.0.0.1
		HostKey $T/host_key
		PidFile none
		AuthorizedKeysFile $T/authorized
		StrictModes no
		UsePAM no
		PasswordAuthentication no
		PermitRootLogin prohibit-password
		MaxStartups 100
		SetEnv PATH=$PATH TMPDIR=$TMPDIR SEG_STORE=$T/store WORK=$T/home$1
	END
	for try in 1 2 3 4 5; do
		port=$((20000 + ($$ * 11 + $1 * 4001 + try * 1009) % 30000))
		"$sshd" -D -e -f "sshd.$1" -p $port 2>"sshd.log.$1" &
		pid=$!
		until grep -q 'Server listening' "sshd.log.$1" 2>/dev/null; do
			kill -0 $pid 2>/dev/null || continue 2
			sleep 0.05
		done
		break
	done
	pids="$pids $pid"
	echo "$pid" >"pid.$1"
	cat >>ssh_config <<-END
		Host seg$1
		HostName 127.0.0.1
		Port $port
	END
	echo "2/ssh -F $T/ssh_config seg$1" >>hosts
}
for n in 1 2 3; do
	host $n
done
cat >>ssh_config <<-END
	Host *
	User $(id -un)
	IdentityFile $T/user_key
	IdentitiesOnly yes
	UserKnownHostsFile $T/known
	StrictHostKeyChecking accept-new
	LogLevel ERROR
	BatchMode yes
END
for n in 1 2 3; do
	ok "host $n" ssh -F ssh_config seg$n 'cd "$WORK" && seg-list -V'
done

# --- a fleet: six cuts each, some of them merged
mkdir store
SEG_STORE=$T/store
export SEG_STORE
i=0
while [ $i -lt $many ]; do
	i=$((i + 1))
	n=$(printf 'db%04d' $i)
	for s in 1 2 3 4 5 6; do
		mkseg cuts "$n" $((s * 4 - 3)) $((s * 4)) $((s * 1000)) 9 1 4 1 $((i + s))
	done
	echo
done >cuts.files
ok "a fleet" sh -c 'seg-upload <cuts.files >/dev/null'
cp -r store serial
objects() { # STORE
	(cd "$1/v2/clusters/default/namespaces" && find . -type f -exec cksum {} + |
		sort -k 3)
}

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
fleet() { # LOG JOB
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
pids="$pids $reaper"
# One host goes away on the way, with all that runs there.
{
	sleep 2
	kill -9 "$(cat pid.3)" 2>/dev/null
	for p in /proc/[0-9]*; do
		grep -qz "WORK=$T/home3" "$p/environ" 2>/dev/null &&
			kill -9 "${p#/proc/}" 2>/dev/null
	done
} &
away=$!
run fleet log "$job"
note "$(wc -l <kills) kills, status $status, $(($(wc -l <log) - 1)) jobs"
: >quiet
wait $reaper $away 2>/dev/null
# Who was given up: with the last hosts, until all is done.
sed -i 3d hosts
ok "another round, for what is left" fleet log2 "$job"
ok "pruned by many" fleet log3 "$prune"
seg-list >listing
ok "once more, for what came late" fleet log4 "$prune"
objects store >got
same got want "the store is that of one machine, byte for byte"
ok "and whole" sh -c 'seg-list | seg-verify >/dev/null'
no_leftovers store
done_testing
