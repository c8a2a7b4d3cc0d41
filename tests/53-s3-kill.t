#!/bin/sh
# Commands killed at any moment, and a server that is killed and comes back.
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR
. "$TOP/tests/s3.sh"
# shellcheck source-path=SCRIPTDIR
. "$TOP/tests/pipe.sh"

s3_start
s3_mb bkt

# 15 segments each of two namespaces
for n in a b; do
	for e in $(seq 5 5 75); do mkseg work $n $((e - 4)) "$e" "$e" 9 1 3; done
	echo
done >files

# holes PREFIX: what must never be: an index without its data, or one that is
# there though not all before it are; silent if all is well
holes() {
	s3_ls "bkt/$1/" | sed 's,.*/namespaces/,,; s, .*,,' >objects
	for n in a b; do
		grep "^$n/indexes/" objects | sed 's,.*/,,' | LC_ALL=C sort -r >there
		find work/$n -name '*.seg' | sed 's,.*/,,; s,\.seg,,' |
			LC_ALL=C sort -r |
			head -n "$(grep -c . there)" | cmp - there
		sed "s,^,$n/segments/," there | grep -vxFf objects
	done
}

# --- seg-upload, killed some 100 times

kills=0
finished=0
between=0 # some indexes were there, and not all
rounds=24
[ -z "${SANITIZED:-}" ] || rounds=6
for round in $(seq $rounds); do
	export SEG_STORE="s3://bkt/r$round"
	for i in 1 2 3 4 5; do
		seg-upload -q <files >out 2>err &
		pid=$!
		# 0 to 0.3 s; the first ones early
		sleep "0.$(printf '%03d' $(($(od -An -N2 -tu2 /dev/urandom) % (55 * i))))"
		kill -KILL $pid 2>/dev/null && kills=$((kills + 1))
		wait $pid 2>/dev/null && finished=$((finished + 1))
		holes "r$round" >bad 2>&1
		case $(grep -c /indexes/ objects) in
		0 | 30) ;;
		*) between=$((between + 1)) ;;
		esac
		[ ! -s bad ] || {
			fail "round $round, kill $i: no hole, no index alone"
			show_file bad bad
		}
	done
	ok "round $round: the rerun completes" seg-upload <files
	is "$(grep -c / out)" 30 "all are named"
	is "$(s3_ls "bkt/r$round/" | grep -c /namespaces/)" 60 "all are there"
done
note "$kills kills, $between of them between the first index and the last;" \
	"$finished runs had finished before"
ok "the last round's" seg-list
cp out listing
ok "are good" seg-verify <listing

# --- seg-fetch and seg-rm, killed

for i in 1 2 3 4 5 6 7 8; do
	seg-fetch -q -d fetched <listing >out 2>err &
	pid=$!
	sleep 0.0$i
	kill -KILL $pid 2>/dev/null
	wait $pid 2>/dev/null
	for f in fetched/*/[0-9]*; do
		[ ! -f "$f" ] || cmp "$f" "work/${f#fetched/}" || fail "$f is whole"
	done
done
ok "fetch: the rerun completes" seg-fetch -d fetched <listing
ok "all of them" diff -r work fetched
no_leftovers fetched
for i in 1 2 3 4; do
	seg-rm -q -F <listing >out 2>err &
	pid=$!
	sleep 0.01$i
	kill -KILL $pid 2>/dev/null
	wait $pid 2>/dev/null
	s3_ls "bkt/r$rounds/" | sed 's,.*/namespaces/,,; s, .*,,' >objects
	sed -n 's,/indexes/,/segments/,p' objects | grep -vxFf objects >bad
	empty bad "rm: the index goes first"
done
ok "rm: the rerun completes" seg-rm -F <listing
is "$(s3_ls bkt/r$rounds/)" "" "nothing is left"

# --- killed at a request, and requests that fail: a sample of "make faults"

s3_mb faults
s3_open faults
ok "every 37th point" env AWS_ENDPOINT_URL_S3= \
	python3 -B "$TOP/tests/faults/faults.py" -k 37 s3
out_like '^0 of them went wrong$' "all well"

# --- the server is killed and comes back

# outage STDIN CMD...: radosgw goes away for a second when it has begun to print,
# and half of its input is still to come
mkfifo input
outage() {
	in=$1 half=$(($(wc -l <"$1") / 2))
	shift
	: >out
	"$@" <input >out 2>err &
	pid=$!
	exec 4>input
	head -n $half "$in" >&4
	await test -s out
	is $? 0 "$1: is at it"
	s3_kill
	tail -n +$((half + 1)) "$in" >&4
	exec 4>&-
	sleep 1
	s3_again
	wait $pid
	is $? 0 "$1: outlives it" || show_file err err
	empty err "$1: says nothing of it"
}
for n in a b c d; do
	for e in $(seq 5 5 550); do mkseg work2 $n $((e - 4)) "$e" "$e" 9 1 3; done
	echo
done >files2
export SEG_STORE=s3://bkt/outage
outage files2 seg-upload --retry-for 600
is "$(grep -c / out)" 440 "all are named"
cp out listing
ok "list" seg-list
same out listing "all are there"
outage listing seg-fetch --retry-for 600 -d fetched2
ok "all of them" diff -r work2 fetched2
outage listing seg-verify --retry-for 600
same out listing "all are good"

s3_kill
began=$(date +%s)
for c in "seg-list --retry-for 2" "seg-fetch --retry-for 2 -d none" \
	"seg-verify --retry-for 2" "seg-rm -F --retry-for 2"; do
	# shellcheck disable=SC2086
	must_fail 3 $c <listing
	err_like "^${c%% *}: .*given up" "says that it gave up"
done
# (440 objects, 16 at a time: a minute for each command)
[ $(($(date +%s) - began)) -lt 120 ]
is $? 0 "after about 2 seconds each, not for each object"
s3_again
ok "all is still there" seg-list
same out listing "unchanged"

# --- the live pipe: the server is killed and comes back; either side is stopped
# --- for a minute

export SEG_STORE=s3://bkt/pipe
make_db a.db 20
make_db b.db 20
# shellcheck disable=SC2034 # of pipe.sh
pipe_upload='--retry-for 0'
pipe_by_clock
ok "the pipe: the first" await current a b
s3_kill
put a
ok "away: a cut waits" await waiting 1 a
ok "its set fails" await grep -q '^!' p.names
put a b
ok "another waits" await waiting 2 a
ok "and the other's" await waiting 1 b
s3_again
ok "all get there when it is back" await current a b
put a
ok "and it goes on" await current a
for side in up cut "cut up"; do
	held_up "$side"
	ok "$side: held up for a minute" await current a b
done
kill "$(cat p.cut)"
ends p 0 3 "the cutter ends well, the other says that some failed"
in_order a
nothing_left "an outage"
done_testing
