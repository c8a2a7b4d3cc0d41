#!/bin/sh
# The catalogue against the store: after random sequences of uploads, merges,
# removals and syncs, with syncs killed at any moment, and with many at once.
. "$(dirname "$0")/lib.sh"

SEG_STORE=$T/store
export SEG_STORE
mkdir store

# --- random sequences.  What the catalogue is to know of each namespace:
#   clean   all
#   behind  others published newer ENDs: an incremental sync finds them
#   lost    others merged or removed: only a full sync finds it
# What this machine does with -k leaves that as it is.
steps=200
[ -z "${SANITIZED:-}" ] || steps=60
[ -z "${SOAK:-}" ] || steps=3000
rng=${SEED:-20261126}
note "SEED=$rng"
below() { # N: a random number in $r
	rng=$(((rng * 1103515245 + 12345) % 2147483648))
	r=$((rng / 65536 % $1))
}
state=
state_of() {
	eval "state=\$state_$1"
}
worse() { # NAMESPACE STATE
	state_of "$1"
	[ "$state" = lost ] || eval "state_$1=$2"
}
as_listed() { # DESC NAMESPACE
	run seg-list "$2"
	cp out wanted
	wanted=$status
	run seg-list -k cat.db "$2"
	cmp -s out wanted && [ "$status" = "$wanted" ] && return
	fail "$1"
	diff wanted out >&2
}
segment() { # NAMESPACE START LENGTH: its path in file
	time=$((time + 10))
	mkseg work "$1" "$2" $(($2 + $3 - 1)) "$time" 20 $((r + 1)) 1 1 "$time" >file
}
# One step: $ns, $k ("" or "-k cat.db"); its state in $makes if it is without -k
newer() {
	last=$(seg-list -q "$ns" | grep . | tail -n 1 | cut -f 3)
	below 9
	if [ "$r" = 0 ]; then
		segment "$ns" 1 $((${last:-0} + 1)) # a full cut
	else
		segment "$ns" $((${last:-0} + 1)) "$r"
	fi
	makes=behind
	# shellcheck disable=SC2086
	seg-upload -m $k "$(cat file)" || fail "upload"
}
killed() { # an upload that dies: the rerun records what the first one did
	last=$(seg-list -q "$ns" | grep . | tail -n 1 | cut -f 3)
	: >files
	for i in 1 2 3 4 5 6 7 8; do
		below 10
		segment "$ns" $((${last:-0} + i)) 1
		cat file >>files
	done
	seg-upload -e -k cat.db <files >/dev/null 2>&1 &
	pid=$!
	below 9
	sleep "0.00$r"
	kill -KILL "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	k="-k cat.db"
	seg-upload -e -m -k cat.db <files || fail "the rerun"
}
merge() {
	makes=lost
	set -- all log levels:2
	below 3
	shift "$r"
	seg-list -q "$ns" >listing
	seg-plan -q -c "$1" <listing >plan || return
	seg-fetch -q -d m <plan >files && seg-merge <files >merged || return
	# shellcheck disable=SC2086
	seg-upload -q -m $k <merged
	rm -rf m
}
prune() {
	makes=lost
	seg-list -q "$ns" | seg-plan -q -x -o 0s >plan
	# shellcheck disable=SC2086
	seg-rm $k <plan
}
lose() { # one of the newest two, or all
	makes=lost
	below 4
	[ "$r" != 0 ] || r=1000
	seg-list -q "$ns" | grep . | tail -n "$r" | head -n $((r - 1 + r / 1000)) >plan
	# shellcheck disable=SC2086
	seg-rm -F -e $k <plan
}
refused() { # nothing of it is done, or recorded
	seg-list -q "$ns" | grep . >listing || return
	last=$(tail -n 1 listing | cut -f 3)
	[ "$last" != 1 ] || return # from frame 1 on it would be a full cut
	segment "$ns" "$last" 5
	seg-upload -q -m -k cat.db "$(cat file)" 2>&1 && fail "not refused"
	seg-rm -q -e -k cat.db <listing 2>&1 && fail "not refused"
}

random_steps() { # on $where
	set --
	rm -rf cat.db* work
	names="a b c d"
	for ns in $names; do
		eval "state_$ns=clean"
		set -- "$@" --add "$ns"
	done
	ok "a catalogue of $where" seg-sync -k cat.db "$@"
	time=1000 checked=0 did=0
	for step in $(seq "$steps"); do
		before_step
		below 4
		# shellcheck disable=SC2086
		ns=$(echo $names | cut -d ' ' -f $((r + 1)))
		below 2
		k=
		[ "$r" = 0 ] || k="-k cat.db"
		makes=
		below 20
		case $r in
		[0-5]) op=newer ;;
		6) op=killed ;;
		[7-9]) op=merge ;;
		10) op=prune ;;
		11) op=lose ;;
		12) op=refused ;;
		1[3-6]) op=sync ;;
		*) op=full ;;
		esac
		case $op in
		sync)
			seg-sync -k cat.db "$ns" || fail "sync"
			state_of "$ns"
			[ "$state" = lost ] || eval "state_$ns=clean"
			;;
		full)
			seg-sync -k cat.db --full "$ns" || fail "full sync"
			eval "state_$ns=clean"
			;;
		*)
			$op >op.out 2>op.err && did=$((did + 1))
			grep '^not ok' op.out && test_failed=$((test_failed + 1)) &&
				show_file op.err "$op"
			[ -n "$k" ] || [ -z "$makes" ] || worse "$ns" "$makes"
			;;
		esac
		state_of "$ns"
		if [ "$state" = clean ]; then
			checked=$((checked + 1))
			as_listed "step $step: $ns after $op $k" "$ns"
		fi
	done
	pass "$steps random steps on $where, compared after $checked"
	note "$did changed something"
	[ "$checked" -ge $((steps / 4)) ]
	is $? 0 "that is enough"
	ok "a full sync of all" seg-sync -k cat.db --full
	run seg-list
	cp out wanted
	ok "list" seg-list -k cat.db
	same out wanted "all of it is the same"
	is "$(sqlite3 cat.db 'PRAGMA integrity_check; PRAGMA foreign_key_check')" ok \
		"the catalogue is whole"
}

where="a directory"
before_step() {
	:
}
random_steps

# The same on a bucket, over a bad network.
# shellcheck source-path=SCRIPTDIR
. "$TOP/tests/s3.sh"
s3_start
s3_mb bkt
s3_proxy
where="a bucket"
SEG_STORE=s3://bkt/pre+fix
before_step() {
	below 5
	set -- 503 reset-before reset-during reset-after short
	shift "$r"
	below 6
	rules "* $1 $r+1"
}
[ "$steps" = 3000 ] || steps=$((steps * 2 / 5))
random_steps
rules
s3_stop
SEG_STORE=$T/store

# --- two states of a store, and syncs from the one to the other
names=$(seq -f 'n%.0f' 8)
make_store() { # DIR FIRST LAST
	for ns in $names; do
		d=$1/v2/clusters/default/namespaces/$ns
		mkdir -p "$d/indexes" "$d/segments"
		seq -f '%.0f' "$2" "$3" | awk -v d="$d" '{
			key = sprintf("18446744073%09d-%020d-%020d",
				709551615 - $1, $1, $1)
			print "i" >(d "/indexes/" key)
			close(d "/indexes/" key)
			printf "" >(d "/segments/" key)
			close(d "/segments/" key)
		}'
	done
	seg-list -s "$1" >"$1.listing" # one set for each of $names
}
make_store one 1 150
make_store two 100 300
set --
for ns in $names; do set -- "$@" --add "$ns"; done
ok "the first state" seg-sync -s one -k cat.db --full "$@"

# sets FILE: each set on one line
sets() {
	awk '/^!?$/ { print line "|" $0; line = ""; next }
		{ line = line $1 " " $NF ";" }' "$1"
}
sets one.listing >one.sets
sets two.listing >two.sets
# whole FILE: a listing, each set of which is of one state or the other
whole() {
	sets "$1" >now.sets
	[ "$(wc -l <now.sets)" = 8 ] &&
		paste -d '\n' now.sets one.sets two.sets |
		awk 'NR % 3 == 1 { now = $0 } NR % 3 == 2 { one = $0 }
			NR % 3 == 0 && now != one && now != $0 { bad = 1 }
			END { exit bad }'
}

# killed at any moment of what it does
fs FS_LOG=ops seg-sync -s two -k cat.db --full
ops=$(grep -c . ops)
seg-sync -s one -k cat.db --full
kills=0 mixed=0 bad=
times=60
[ -z "${SOAK:-}" ] || times=1000
for i in $(seq $times); do
	store=one
	[ $((i % 2)) = 0 ] || store=two
	below "$ops"
	fs FS_KILL=$((r + 1)) seg-sync -s $store -k cat.db --full 2>/dev/null
	[ $? = 137 ] && kills=$((kills + 1))
	seg-list -k cat.db >now 2>err || bad="$bad $i:status"
	whole now || bad="$bad $i:set"
	cmp -s now one.listing || cmp -s now two.listing || mixed=$((mixed + 1))
	check=$(sqlite3 cat.db 'PRAGMA integrity_check; PRAGMA foreign_key_check')
	[ "$check" = ok ] || bad="$bad $i:integrity"
	[ $((i % 5)) = 0 ] || continue
	seg-sync -s $store -k cat.db --full && seg-list -k cat.db >now
	cmp -s now $store.listing || bad="$bad $i:rerun"
done
is "$bad" "" "killed at any moment: each namespace is as before or after"
note "$kills killed, $mixed between two namespaces"
[ $kills -ge $((times / 4)) ] && [ $mixed -gt 0 ]
is $? 0 "the kills came while it worked"

# readers while it syncs, two syncs at once
: >reading
(
	while [ -e reading ]; do
		for store in one two; do
			seg-sync -s $store -k cat.db --full || exit
		done
	done
) 2>sync.err &
syncing=$!
bad=''
for i in $(seq 20); do
	seg-list -k cat.db >now || bad="$bad status"
	whole now || bad="$bad set"
done
rm reading
wait $syncing
is $? 0 "syncs while others read" || show_file sync.err err
is "$bad" "" "readers see whole namespaces"

bad=
for i in $(seq 10); do
	rm -f cat.db*
	pids=
	for j in 1 2 3 4; do
		seg-sync -s two -k cat.db "$@" 2>>"sync.$j" &
		pids="$pids $!"
	done
	for pid in $pids; do
		wait "$pid" || bad="$bad $i:$?"
	done
	seg-list -k cat.db >now || bad="$bad status"
	cmp -s now two.listing || bad="$bad list"
done
is "$bad" "" "four at once make one catalogue" || cat sync.? >&2

# this machine's uploads, removals, and syncs, all at once
rm -f cat.db*
names="a b c d"
set --
for ns in $names; do set -- "$@" --add "$ns"; done
seg-sync -k cat.db --full "$@"
bad=
for i in 1 2 3; do
	pids=
	for ns in $names; do
		last=$(seg-list -q "$ns" | grep . | tail -n 1 | cut -f 3)
		(
			for n in $(seq 10); do
				mkseg work "$ns" $((${last:-0} + n)) \
					$((${last:-0} + n)) $((time + n)) 9 1 1 >"f.$ns"
				seg-upload -m -k cat.db "$(cat "f.$ns")" || exit
				[ $((n % 2)) = 0 ] || continue
				seg-list "$ns" | grep . | head -n 1 |
					seg-rm -F -e -k cat.db || exit
			done
		) >"out.$ns" 2>&1 &
		pids="$pids $!"
	done
	(for n in $(seq 10); do seg-sync -k cat.db --full || exit; done) 2>sync.err &
	pids="$pids $!"
	for pid in $pids; do
		wait "$pid" || bad="$bad $i:$?"
	done
	time=$((time + 100))
	seg-list >wanted
	seg-list -k cat.db >now
	cmp -s now wanted || bad="$bad $i:list"
done
is "$bad" "" "uploads, removals and syncs at once" || cat sync.err out.* >&2
done_testing
