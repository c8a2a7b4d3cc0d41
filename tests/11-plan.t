#!/bin/sh
# seg-plan: chains, states, gaps, sets to merge, what can go.
. "$(dirname "$0")/lib.sh"

# keys NAMESPACE START END TIME[:BYTES]...: names as seg-list prints them
keys() {
	perl -e 'use bigint; my $ns = shift; while (@ARGV) {
		my ($s, $e, $t, $b) = (shift, shift, split /:/, shift);
		printf "%s/%020s-%020s-%020s\t%s\t%s\t-\t-\t%s\n", $ns,
			18446744073709551615 - $e, $s, $t, $s, $e, $b // "-" }' "$@"
}
# ranges: a stream as "1-8,9-20." with "." for each end line
ranges() {
	awk -F'\t' '$0 == "" { print "."; next } $0 == "!" { print "!"; next }
		{ print $2 "-" $3 }' out | tr '\n' ' ' |
		sed 's/ *$//; s/ \([.!]\)/\1/g'
}
# plan WANTED DESC SEG-PLAN'S ARGUMENTS -- KEYS' ARGUMENTS
plan() {
	plan_wanted=$1 plan_desc=$2 plan_args=
	shift 2
	while [ "$1" != -- ]; do
		plan_args="$plan_args $1"
		shift
	done
	shift
	keys a "$@" >in
	# shellcheck disable=SC2086
	run seg-plan -e $plan_args <in
	is "$(ranges) $status" "$plan_wanted" "$plan_desc"
}

plan "1-50 51-100. 0" "segments are counted, not frames" -- 1 90 1 91 92 2 \
	93 94 3 95 96 4 97 98 5 99 100 6 1 50 1 51 100 6
plan "1-4 5-5 6-9. 0" "a segment of one frame" -- 1 4 1 5 5 2 6 9 3
plan "1-1. 0" "one frame alone" -- 1 1 1
plan "1-4 5-5. 0" "it comes last" -- 1 4 1 5 5 2
plan "1-4 5-5 6-6 7-9. 0" "two of them" -- 1 4 1 5 5 2 6 6 3 7 9 4
plan "1-3 4-5 6-9. 0" "neighbours of two frames" -- 1 3 1 4 5 2 5 9 4 6 9 4
plan "! 1" "a gap" -- 1 10 1 21 30 2
err_like '^seg-plan: a: frames 11-20 are missing$' "it is named"
plan "! 1" "no beginning" -- 5 10 1 11 20 2
err_like '^seg-plan: a: frames 1-4 are missing$' "it is named"
plan "! 1" "several gaps" -- 1 10 1 12 12 2 20 30 2
err_like '^seg-plan: a: frames 11, 13-19 are missing$' "all are named"
plan "! 1" "a gap of one frame" -- 1 10 1 12 12 2
err_like '^seg-plan: a: frame 11 is missing$' "it is named"
plan "! 1" "an overlap" -- 1 64 1 64 128 2
err_like 'lead from frame 64 to frame 128 without an overlap' "it is named"
plan "1-64. 0" "best effort" -b -- 1 64 1 64 128 2
err_like 'the furthest state is frame 64' "says which"
plan "! 1" "best effort without a beginning" -b -- 5 10 1
plan "1-20. 0" "a merge replaces its parts" -- 1 10 1 11 20 2 1 20 2
plan "1-10 11-20. 0" "fewest bytes on a tie" -- 1 10 1:5 11 20 2:5 1 15 1:9 \
	16 20 2:9
plan "1-15 16-20. 0" "the other way round" -- 1 10 1:9 11 20 2:9 1 15 1:5 \
	16 20 2:5
keys a 1 10 5 1 10 7 >in
run seg-plan -e <in
is "$(grep -c 0007 out) $status" "1 0" "of one range at two times the newest"
keys a 1 10 5 1 10 5 >in
run seg-plan -e <in
is "$(ranges) $status" "1-10. 0" "the same key twice counts once"
plan "1-18446744073709551615. 0" "the last frame there is" -- \
	1 18446744073709551615 1
plan "! 1" "a gap up to it" -- 2 18446744073709551615 1

# --- states
plan "1-10. 0" "-f at an end" -f 10 -- 1 10 1 11 20 2 1 20 2
plan "! 1" "-f between ends" -f 15 -- 1 10 1 11 20 2
err_like 'no segment ends at frame 15: the next ones are 10 and 20' "says so"
plan "! 1" "-f beyond" -f 21 -- 1 10 1 11 20 2
err_like 'no segment ends at frame 21: the last one is 20' "says so"
plan "! 1" "-f before the first end" -f 5 -- 1 10 1 11 20 2
err_like 'no segment ends at frame 5: the first one is 10' "says so"
plan "1-10. 0" "-f and best effort" -f 15 -b -- 1 10 1 11 20 2
plan "1-10. 0" "-t between two" -t 150 -- 1 10 100 11 20 200
plan "1-10. 0" "-t at one" -t 100 -- 1 10 100 11 20 200
plan "! 1" "-t before all" -t 99 -- 1 10 100 11 20 200
err_like 'no state is that old: the oldest is of 1970-01-01T00:00:00.100Z' said
plan "1-10 11-20. 0" "-t as RFC 3339" -t 1970-01-01T01:00:00.200+01:00 -- \
	1 10 100 11 20 200 21 30 300
plan "1-10 11-20. 0" "the nearest is never one after" -t 299 -- \
	1 10 100 11 20 200 21 30 300
plan "1-10 11-20. 0" "the clock was set back" -t 60 -- 1 10 100 11 20 50 \
	21 30 200
plan "! 1" "-t and a gap" -t 350 -- 1 10 100 21 30 300
plan "1-10. 0" "-t, a gap and best effort" -b -t 350 -- 1 10 100 21 30 300

# --- sets to merge
thirteen="1 1 1 2 2 2 3 3 3 4 4 4 5 5 5 6 6 6 7 7 7 8 8 8 9 9 9"
# shellcheck disable=SC2086
{
	plan "1-1 2-2 3-3 4-4 5-5 6-6 7-7 8-8 9-9. 0" "-c all" -c all -- $thirteen
	plan "1-1 2-2 3-3 4-4. 5-5 6-6. 0" "-c log" -c log -- $thirteen
	plan "1-1 2-2 3-3 4-4 5-5 6-6 7-7 8-8. 0" "-c levels" -c levels -- \
		$thirteen
	plan ". 0" "-c levels, few enough" -c levels:9 -- $thirteen
	plan ". 0" "a threshold that is not exceeded" -c all -T 9 -- $thirteen
	plan "1-1 2-2 3-3 4-4 5-5 6-6 7-7 8-8 9-9. 0" "one that is" -c all -T 8 \
		-- $thirteen
}
plan ". 0" "no set of one" -c all -- 1 10 1
plan ". 0" "no halves of two" -c log -- 1 1 1 2 2 2
plan ". 0" "no halves of three" -c log -- 1 1 1 2 2 2 3 3 3
plan "4-6 7-9. 0" "the lightest are joined where there are too many" \
	-c levels:2 -- 1 3 1:9000 4 6 2:100 7 9 3:40

# --- what can go
plan "1-10 11-20. 0" "-x: the parts of an old merge" -x -- 1 10 1 11 20 2 1 20 2
plan ". 0" "-x: nothing of a plain history" -x -- 1 10 1 11 20 2
now=$(($(date +%s) * 1000))
plan "11-20. 0" "-x: young states are kept" -x -- \
	1 10 $((now - 1000)) 11 20 $now 1 20 $now
plan "1-10 11-20. 0" "-x -o: an age" -x -o 0s -- \
	1 10 $((now - 10000000)) 11 20 $((now - 9000000)) 1 20 $((now - 9000000))
plan "11-20. 0" "-x -o: the state at that age is kept" -x -o 9500s -- \
	1 10 $((now - 10000000)) 11 20 $((now - 9000000)) 1 20 $((now - 9000000))
plan "! 1" "-x of a history with a gap" -x -- 1 10 1 21 30 2

# --- streams
{
	keys a 1 10 1
	echo
	keys b 1 10 1 21 30 2
	echo
	keys c 1 10 1
	echo '!'
	echo
	keys d 1 10 1 11 20 2
	echo
} >in
must_fail 1 seg-plan <in
is "$(ranges)" "1-10.!!. 1-10 11-20." "a set for each set, failed ones too"
err_like 'a set without segments' "the empty one is named"
{
	keys a 1 10 1
	keys b 11 20 2
	echo
} >in
must_fail 1 seg-plan <in
err_like 'two namespaces in one set: a and b' "two namespaces"
keys a 1 10 1:77 >in
run seg-plan -e -J <in
is "$(head -n 1 out)" '{"name":"'"$(cut -f1 in)"'","namespace":"a","start":1,"end":10,"time":"1970-01-01T00:00:00.001Z","pages":null,"bytes":77}' "as JSON"
keys a 1 10 1 21 30 2 25 40 3 >in
ok "an analysis" seg-plan -e -a <in
out_like '^  segments   3$' "counts"
out_like '^  gap        frames 11-20 are missing$' "gaps"
out_like '^  overlap    21-30 and 25-40$' "overlaps"
out_like '^  restore    goes only up to frame 10$' "what can be restored"
keys a 1 10 1 12 12 2 13 13 3 >in
ok "of one frame" seg-plan -e -a <in
out_like '^  gap        frame 11 is missing$' "a gap"
keys a 1 1 9000000000000:1 >in
ok "of one segment" seg-plan -e -a <in
out_like '^  restore    1 segment, 1 byte, 2 requests$' "one of each"
ok "of which nothing is known" sh -c 'cut -f 1 in | seg-plan -e -a'
out_like '^  bytes      0 and those of 1 segment of unknown size$' "one of them"
out_like '^  restore    1 segment, 0 bytes known, 2 requests$' "nor of the plan"
run seg-plan -e -t 1970-01-01T00:00:00Z <in
err_like ': a: 1 of 1 segment with a TIME ahead of the clock' "and of the clock"
for args in "-f 0" "-f x" "-t yesterday" "-f 1 -t 1" "-c some" "-c levels:0" \
	"-x -a" "-o 1" "-x -f 1" "-T -1"; do
	# shellcheck disable=SC2086
	must_fail 2 seg-plan $args
	empty out "nothing on stdout"
done
# --- so long ago
now=$(($(date +%s) * 1000))
plan "1-10. 0" "-t -1h: the state of an hour ago" -t -1h -- 1 10 $((now - 7200000)) \
	11 20 $((now - 60000))
plan "1-10 11-20. 0" "-t -30s" -t -30s -- 1 10 $((now - 7200000)) \
	11 20 $((now - 60000))
plan "! 1" "-t -3h: before the first" -t -3h -- 1 10 $((now - 7200000))
must_fail 2 seg-plan -t -1x a </dev/null
err_like '^seg-plan: -t: -1x is not a time' "an age of no unit"

# --- a calendar.  Days 1, 2, 3 of 2020; -o is over for all but the newest.
t1=1577836800000 # 2020-01-01T00:00:00Z
set -- 1 10 $t1 11 20 $((t1 + 3600000)) 21 30 $((t1 + 86400000)) 31 40 \
	$((t1 + 86400001)) 41 50 $((t1 + 2 * 86400000)) 51 60 \
	$((t1 + 2 * 86400000 + 1))
plan "1-10 11-20. 21-30 31-40. 41-50 51-60. 0" "-c keep: a set for each day" \
	-c keep --keep 3d -- "$@"
plan "1-20 21-30 31-40. 41-50 51-60. 0" "the first set begins at 0" -c keep --keep 2d \
	-- 1 20 $((t1 + 3600000)) 21 30 $((t1 + 86400000)) 31 40 \
	$((t1 + 86400001)) 41 50 $((t1 + 2 * 86400000)) 51 60 \
	$((t1 + 2 * 86400000 + 1))
plan ". 0" "merged: nothing to do" -c keep --keep 3d -- 1 20 $((t1 + 3600000)) \
	21 40 $((t1 + 86400001)) 41 60 $((t1 + 2 * 86400000 + 1))
plan ". 0" "-T holds for it too" -c keep --keep 3d -T 6 -- "$@"
plan "1-10 11-20 21-30 31-40 41-50 51-60. 0" "merged: the parts can go" -x \
	--keep 3d -- "$@" 1 20 $((t1 + 3600000)) 21 40 $((t1 + 86400001)) \
	41 60 $((t1 + 2 * 86400000 + 1))
keys a 1 20 $((t1 + 3600000)):500 21 40 $((t1 + 86400001)):300 \
	41 60 $((t1 + 2 * 86400000 + 1)):200 1 60 $((t1 + 2 * 86400000 + 1)):900 >in
ok "what a policy costs" seg-plan -ea --keep 1y <in
out_like '^  keep       1 state, with 1 segment, 2 objects, 900 bytes$' "stays"
out_like '^  obsolete   3 segments, 6 objects, 1000 bytes$' "goes"
for args in "--keep 3d" "-c all --keep 3d" "-c keep" "-x --keep 3d,2d" \
	"-x --keep 0d" "-x --keep" "-x --keep 3" "-u x -x" "-u x -t -1h"; do
	# shellcheck disable=SC2086
	must_fail 2 seg-plan $args </dev/null
	empty out "nothing on stdout: $args"
done

# --- what a copy lacks: there is none yet
plan "1-10 11-20. 0" "-u without a copy: all" -u none.db -- 1 10 1 11 20 2
echo >in
must_fail 1 seg-plan -u none.db <in
is "$(ranges)" "!" "-u: an empty listing is not «nothing new»"
sqlite3 other.db "CREATE TABLE t(x)"
plan "1-10 11-20. 0" "-u with a database of somebody else's" -u other.db -- \
	1 10 1 11 20 2
err_like '^seg-plan: other.db: it has no DB-seg: .*: all is planned$' "said"

done_testing
