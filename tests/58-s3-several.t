#!/bin/sh
# Several writers at once in a bucket: races with conditional writes and without
# them, a kill at every request of a publication, a writer that comes back.
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR
. "$TOP/tests/s3.sh"

s3_start
s3_mb bkt
races=6
[ -n "${SOAK:-}" ] && races=300
mkseg base shop 1 20 100 20 1 20 >base.f
for w in 1 2 3 4 5 6 7 8; do
	mkseg "w$w" shop 21 $((22 + w % 3)) $((200 + w)) 20 1 $((2 + w % 3)) 1 "$w" >"w$w.f"
done
direct=$AWS_ENDPOINT_URL_S3
s3_proxy

# race PREFIX W...: 0 if at most one was told 0, and that one is all there is
race() {
	SEG_STORE=s3://bkt/$1
	export SEG_STORE
	shift
	seg-upload "$(cat base.f)" >/dev/null || return
	for w; do
		{
			seg-upload "$(cat "w$w.f")" >/dev/null 2>"e.$w"
			echo $? >"c.$w"
		} &
		racers="$racers $!"
	done
	# (not for the servers)
	# shellcheck disable=SC2086
	wait $racers
	racers='' winners=''
	for w; do
		[ "$(cat "c.$w")" != 0 ] || winners="$winners$w"
	done
	seg-list shop >there
	seg-plan <there >plan
	case $winners in
	'') [ "$(grep -c . there)" = 1 ] ;;
	?)
		[ "$(grep -c . plan)" = 2 ] &&
			grep -q "$(sed 's,.*/\([^/]*\)\.seg,\1,' "w$winners.f")" plan
		;;
	*) false ;;
	esac
}

racers=''
for kind in conditions nocondition; do
	[ $kind = conditions ] || rules "* nocondition -"
	none=0
	for i in $(seq $races); do
		case $((i % 3)) in
		0) set -- 1 2 ;;
		1) set -- 1 2 3 4 ;;
		2) set -- 1 2 3 4 5 6 7 8 ;;
		esac
		race "$kind$i" "$@" || {
			fail "$kind: race $i of $#: told 0: $winners"
			cat there e.* >&2
		}
		[ -n "$winners" ] || none=$((none + 1))
	done
	pass "$kind: $races races of 2, 4 and 8: at most one is told that it is done"
	note "$kind: in $none of them nobody"
done
rules ""

# --- killed at every request

# Two cuts at once: 3 n + 2 requests and the looks at claims at most.
mkseg two shop 21 30 300 20 1 10 1 1 >two.f
mkseg two shop 31 40 400 20 1 10 1 2 >>two.f
echo >>two.f
bad=''
for fault in stall stall-request; do
	for k in 0 1 2 3 4 5 6 7 8 9 10; do
		SEG_STORE=s3://bkt/$fault$k
		seg-upload "$(cat base.f)" >/dev/null
		log_clear
		rules "* $fault $k+-"
		seg-upload <two.f >out.1 2>e.1 &
		pid=$!
		for i in $(seq 100); do
			[ "$(grep -c '' log)" -lt "$k" ] || break
			sleep 0.01
		done
		sleep 0.05
		kill -KILL $pid 2>/dev/null
		wait $pid 2>/dev/null
		rules ""
		seg-upload --busy-timeout 20 "$(cat w1.f)" >out.2 2>e.2
		c=$?
		seg-upload <two.f >out.1 2>e.1
		c="$c $?"
		seg-list shop >there
		seg-plan <there >plan || c="$c no plan"
		# either the other one, and ours is refused; or ours
		case "$c $(grep -c . there)" in
		"0 1 2" | "3 0 3" | "1 0 3") ;;
		*) bad="$bad $fault$k($c $(grep -c . there))" ;;
		esac
	done
done
is "$bad" "" "killed at any request: the next run goes on, another waits, is refused or wins"

# --- one that fails gives its claims up, without a right to delete

SEG_STORE=s3://bkt/given
seg-upload "$(cat base.f)" >/dev/null
rules "DELETE 403 -
DELETES 403 -
PUTDATA 403 1+1"
must_fail 2 sh -c 'seg-upload -j 1 <two.f'
is "$(grep -c . err)" 1 "one failure is told, no other of what it leaves"
ok "another goes on at once" seg-upload --busy-timeout 0 "$(
	mkseg third shop 31 31 900 20 1 1 1 9
)"
rules ""

# --- stopped before its index, while another takes over with -F

SEG_STORE=s3://bkt/back
for fault in PUTINDEX PUTDATA; do
	SEG_STORE=s3://bkt/back$fault
	seg-upload "$(cat base.f)" >/dev/null
	# the request is on its way
	rm -f go go.held
	rules "$fault hold 1 $T/go"
	seg-upload "$(cat w1.f)" >out.1 2>e.1 &
	pid=$!
	await test -e go.held
	ok "-F takes over" seg-upload -F --busy-timeout 0 "$(cat w2.f)"
	: >go
	wait $pid
	c=$?
	cp e.1 err
	seg-list shop >there
	note "$fault: status $c, $(grep -c . there) segments: $(cat e.1)"
	is "$c $(grep -c . there)" "1 2" "$fault: it is told, and its index is not there"
	err_like "refused: END 20 is continued by .*; its index was taken back" "$fault: why"
done
rules ""

# --- a lock that two have, where there are no conditions: see lock.h

{
	mkseg parts shop 1 50 1000 50 1 50
	mkseg parts shop 51 60 2000 50 3 10 4 2
	mkseg parts shop 1 60 2000 50 1 50 1 2
	echo
} >parts.f
lost=''
rules "* nocondition -"
for i in $(seq $races); do
	SEG_STORE=s3://bkt/rm$i
	seg-upload <parts.f >all
	grep '	1	60	' all >merged
	grep . all | grep -v '	1	60	' >parts.set
	seg-rm -e <merged >/dev/null 2>e.1 &
	pid=$!
	seg-rm -e <parts.set >/dev/null 2>e.2
	c=$?
	wait $pid
	c="$c $?"
	seg-list shop | seg-plan >plan 2>/dev/null || lost="$lost $i($c)"
done
is "$lost" "" "without conditions: one takes the merge, the other its parts"
rules ""
AWS_ENDPOINT_URL_S3=$direct
done_testing
