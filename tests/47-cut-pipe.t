#!/bin/sh
# seg-cut --every | seg-upload -m, for long: a store that goes away, either side
# killed or held up, a work directory that is lost, a disk that is full, two of
# the same pipe at once; and the pipes of the units.
# With SOAK=1 also SOAK_MINUTES (60) of all that, of a hundred databases, by a clock
# that runs a hundred times as fast.

. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR
. "$TOP/tests/pipe.sh"

mkdir st
SEG_STORE=$T/st
export SEG_STORE
make_db a.db 20
make_db b.db 20

# ---- the store goes away ----

pipe p
ok "the first" await current a b
ok "and nothing is left to do with it" await answered p 2
mv st away
put a
ok "without a store a cut waits" await waiting 1 a
ok "its set fails" await grep -q '^!' p.names
put a b
ok "another waits" await waiting 2 a
ok "and the other's" await waiting 1 b
mv away st
ok "all get there as soon as there is one" await current a b
put a
ok "and it goes on" await current a
# (One may have come when there was a store again, and not the cut before it.)
is "$(grep -v 'leave a gap' p.up.err | sort -u)" \
	"seg-upload: $T/st: no such store (seg-upload --create makes it)" \
	"why is said"
is $(($(grep -c . p.up.err) < 20)) 1 "and not in every round"
kill "$(cat p.cut)"
ends p 0 2 "the cutter ends well, the other says that some failed"
in_order a
nothing_left "an outage"

# ---- either side held up, or killed ----

# For a minute, by its clock.
pipe_by_clock
put a
ok "again" await current a
for side in up cut "cut up"; do
	held_up "$side"
	ok "$side: held up for a minute" await current a b
done
kill "$(cat p.cut)"
ends p 0 0 "nothing has failed"
empty p.cut.err "nothing is said"
empty p.up.err "by either"
nothing_left "held up"

# A signal for both: what is told last gets there.
pipe p
put a b
kill -TERM "$(cat p.up)" "$(cat p.cut)"
ends p 0 0 "both are told to end"
ok "the last round is in the store" current a b
mkfifo in
# (By a clock that stands still: a signal that comes twice is one.)
echo "0 0" >clock
env "LD_PRELOAD=$SEGTOOLS_BUILD/preload/clock.so" "CLOCK_FILE=$T/clock" \
	"ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0" \
	seg-upload <in >out 2>err &
pid=$!
exec 4>in
await minds $pid 15
kill -TERM $pid
sleep 0.2
kill -TERM $pid
sleep 0.2
ok "a first signal does not end it, if it comes twice" kill -0 $pid
echo "0 0 1" >clock
kill -TERM $pid
wait $pid 2>/dev/null
is $? 143 "a second one does"
exec 4>&-

for i in 1 2 3; do
	pipe p
	put a b
	sleep 0.0$i
	kill -KILL "$(cat p.up)"
	put a
	ends p 3 137 "the uploader killed: the cutter ends"
	pipe p
	put b
	sleep 0.1$i
	kill -KILL "$(cat p.cut)"
	put a
	await test -s p.up.status
	case $(cat p.up.status) in
	0 | 1) pass "the cutter killed: the uploader ends" ;;
	*) fail "the cutter killed: the uploader ends" ;;
	esac
done
pipe p
ok "the next one makes it good" await current a b
put a b
ok "and what comes then" await current a b
kill "$(cat p.cut)"
ends p 0 0 "and ends well"
nothing_left "killed"

# ---- a work directory that is lost ----

rm -r w
put a
pipe p
ok "lost: it goes on after what the store has" await current a b
put b
ok "goes on" await current b
await answered p 3
rm -r w
put a b
ok "lost beside it: it goes on after its own last cut" await current a b
await answered p 5
is "$(ls w/a)" cut.memory "and has a memory again"
mv st away
rm -r w
put a
ok "the store is away, too: that is said" await grep -q '^!' p.names
ok "and why" await grep -q "^seg-cut: a: not cut: nothing here knows the last cut, and the store has not told its own$" p.cut.err
mv away st
ok "when it is back, all goes on" await current a b
kill "$(cat p.cut)"
ends p 0 1 "and ends well"
is "$(find w -name '*.seg' -o -name '*.idx')" "" "nothing is left"
rm -r w
put a
pipe p
kill "$(cat p.cut)"
ends p 0 0 "ended at once"
ok "it has waited for the store" current a

# ---- a disk that is full: that of the cuts, and that of the store ----

# filled DIR: to the last byte
filled() {
	dd if=/dev/zero of="$1/fill" bs=4k 2>/dev/null
	dd if=/dev/zero of="$1/fill2" bs=1 2>/dev/null
	! echo x 2>/dev/null >"$1/x"
}
# many N PATTERN FILE: so many lines are like that, at least
many() {
	[ "$(grep -c "$2" "$3")" -ge "$1" ]
}
moved() {
	! any_file w/ '*.seg' && ! any_file w/ '*.idx' && ! any_file w/ '*.moving'
}
if [ "$(id -u)" = 0 ] && mkdir full &&
	mount -t tmpfs -o size=1m none full 2>/dev/null; then
	mkdir full/w full/st st2
	for full in w st; do
		rm -rf w st log
		mkdir st
		case $full in
		w) ln -s full/w w ;;
		st) rmdir st && ln -s full/st st ;;
		esac
		pipe_with="env LD_PRELOAD=$SEGTOOLS_BUILD/preload/fs.so FS_LOG=$T/log"
		pipe_with="$pipe_with ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0"
		pipe p
		put a b
		ok "$full: the first" await current a b
		# What is removed later makes room for a part of the next one.
		ok "$full: and moved" await moved
		ok "$full: it is full" filled full
		: >log
		put a
		ok "$full: a failed set" await grep -q '^!' p.names
		put b
		case $full in
		w)
			for db in a b; do
				ok "w: $db is tried again" \
					await many 3 "^open w/$db/.segtmp-" log
			done
			is "$(sed 's,/[^/]*: ,: ,' p.cut.err)" \
				"$(printf 'seg-cut: w/%s: No space left on device\n' a b)" \
				"w: which is said once of each"
			;;
		st)
			ok "st: cuts go on" await waiting 1 b
			for db in a b; do
				ok "st: $db is tried again" await many 2 \
					"/$db/.*: No space left on device$" p.up.err
			done
			;;
		esac
		rm full/fill full/fill2
		ok "$full: there is room: all get there" await current a b
		put a
		ok "$full: and it goes on" await current a
		kill "$(cat p.cut)"
		case $full in
		w) ends p 0 1 "w: the uploader tells that sets failed" ;;
		st) ends p 0 3 "st: the uploader tells that it failed" ;;
		esac
		nothing_left "$full"
	done
	pipe_with=''
	umount full
fi

# ---- two of the same at once ----

# (Anew: the minutes that were held up above are ahead of the clock.  Each waits for
# the other for as long as that takes.)
rm -rf w st && mkdir st
pipe_cut='--busy-timeout 600000' pipe_upload='--busy-timeout 600000'
pipe p
pipe q
pipe_cut='' pipe_upload=''
for i in 1 2 3 4 5 6 7 8; do
	put a b
	sleep 0.0$i
done
ok "two of the same pipe" await current a b
kill "$(cat p.cut)" "$(cat q.cut)"
ends p 0 0 "one"
ends q 0 0 "and the other"
cat p.*.err q.*.err >said
empty said "neither says anything of the other"
ok "current" current a b
nothing_left "two"

# ---- the units ----

# unit NAME: what its ExecStart has sh do, for the instance a
unit() {
	sed -n '/^ExecStart=/,/[^\\]$/p' "$SEGTOOLS_BUILD/inst/share/segtools/systemd/$1" |
		sed -e 's/\\$//' -e "s/^ExecStart=.bin.sh -c '//" -e "s/'\$//" \
			-e 's/%i/a/g' -e 's/\$\$/$/g' | tr -d '\n'
}
# As a manager does: its directory, variables, SIGTERM to all of its processes.
NAMESPACE=a DB=$T/a.db EVERY=50ms KEEP=24h,7d METRICS=$T
export NAMESPACE DB EVERY KEEP METRICS
rm -rf w st
umask 077
mkdir w st
(cd w && exec timeout -k 100 600 sh -c "$(unit segtools@.service)") \
	>service.out 2>service.err &
service=$!
ok "segtools@.service: the first" await current a
put a
ok "and what changes" await current a
put a
kill $service
wait $service
is $? 0 "it ends well"
ok "after a last cut" current a
empty service.err "nothing is said"
like cut-a.prom '^segtools_status.* 0$' "its figures"
like upload-a.prom '^segtools_status.* 0$' "of both"
for what in compact prune verify; do
	ok "segtools-$what@.service" timeout 600 sh -c "$(unit segtools-$what@.service)"
	like $what-a.prom '^segtools_status.* 0$' "its figures"
done
ok "and is the database" current a
is "$(stat -c %a ./*-a.prom | sort -u)" 644 "others may read the figures"
is "$(find w st ! -name '*.prom' -perm /077)" "" "and nothing else"
umask 022

[ -n "${SOAK:-}" ] || {
	done_testing
}

# ---- for long ----

rm -rf w st ./*.db got
mkdir st
minutes=${SOAK_MINUTES:-60}
for i in $(seq 100); do
	make_db "$i.db" 20
	printf '%s\t%s.db\n' "$i" "$i"
done >list
began=$(date +%s)

# One pipe after the other, as a manager has them.
fast() {
	exec env "LD_PRELOAD=$SEGTOOLS_BUILD/preload/clock.so" "CLOCK_FILE=$T/clock" \
		"ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0" "$@"
}
pipes() {
	while [ -e going ]; do
		echo "$((($(date +%s) - began) * 99)) 100" >clock
		(fast seg-cut --every 1s -d w --list list 2>>cut.err & echo $! >cut.pid; wait $!) |
			(fast seg-upload -m >>names 2>>up.err <&3 & echo $! >up.pid; exec 3<&-; wait $!) 3<&0
	done 2>/dev/null
}
# watched: moment, side, process, memory (KiB) and descriptors of either side
watched() {
	while [ -e going ]; do
		for side in cut up; do
			pid=$(cat $side.pid)
			echo "$(($(date +%s) - began)) $side $pid" \
				"$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' /proc/"$pid"/status)" \
				"$(find /proc/"$pid"/fd 2>/dev/null | wc -l)"
		done
		sleep 1
	done 2>/dev/null | awk 'NF == 5 && $5 > 0' >samples
}
# grown MINUTES: of either side, the median of that span, and of the last one
grown() {
	for side in cut up; do
		for span in "$half $((half + $1 * 60))" "$((minutes * 60 - $1 * 60)) 99999"; do
			awk -v side=$side -v from="${span% *}" -v to="${span#* }" \
				'$2 == side && $1 >= from && $1 < to { print $4, $5 }' samples |
				sort -n >span
			echo "$side $(sed -n "$(($(grep -c . span) / 2 + 1))p" span)"
		done
	done
}
: >going
pipes &
pipes=$!
watched &
watched=$!
kills=0 outages=0 changes=0 n=0 half=$((minutes * 30))
# Both are killed in the first half; in the second they have time to grow.
while [ $(($(date +%s) - began)) -lt $((minutes * 60)) ]; do
	n=$((n + 1))
	for i in $(shuf -i 1-100 -n 5); do
		case $((n % 7)) in
		0) sql "$i.db" 'DELETE FROM t WHERE id % 3 = 1; VACUUM' ;;
		1) sql "$i.db" 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null ;;
		*) sql "$i.db" "INSERT INTO t SELECT max(id) + 1, hex(randomblob(500)) FROM t" ;;
		esac
		changes=$((changes + 1))
	done
	if [ $(($(date +%s) - began)) -lt $half ]; then
		case $((n % 60)) in
		10) kill -KILL "$(cat cut.pid)" ;;
		20) kill -KILL "$(cat up.pid)" ;;
		esac
		case $((n % 60)) in 10 | 20) kills=$((kills + 1)) ;; esac
	fi
	case $((n % 60)) in
	30) kill -STOP "$(cat up.pid)" ;;
	35) kill -CONT "$(cat up.pid)" ;;
	40) mv st away ;;
	55) mv away st && outages=$((outages + 1)) ;;
	esac
	sleep 0.$((n % 10))
done
kill -CONT "$(cat up.pid)" 2>/dev/null
[ -d st ] || mv away st
sleep 20
rm going
kill "$(cat cut.pid)"
wait $pipes
wait $watched
grown 5 >growth
note "$changes changes, $kills kills, $outages outages, $(grep -c / names) segments;" \
	"memory (KiB) and descriptors at half time and at the end:" \
	"$(tr '\n' ' ' <growth)"
ok "all are in the store as SQLite has them" current $(seq 100)
is "$(awk '$4 > 65536 || $5 > 100' samples)" "" \
	"in bounded memory, with few descriptors"
is "$(awk '$1 != side { side = $1; m = $2; f = $3; next } $2 > m + 1024 || $3 > f + 4' growth)" \
	"" "which do not grow"
is "$(seg-list >all; awk -F '\t' '!NF { end = 0; next } $2 != 1 && $2 != end + 1; { end = $3 }' all)" \
	"" "no namespace has a gap"
done_testing
