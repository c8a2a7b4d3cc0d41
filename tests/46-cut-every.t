#!/bin/sh
# seg-cut --every: a stream that does not end, of databases that change, go away
# and come back, to a reader that may be slow, or a store that may be away.

. "$(dirname "$0")/lib.sh"

# sets FILE: what each line is: a namespace, the end of a set, "!"
sets() {
	cut -f 1 "$1" | sed -e 's|^w/\([^/]*\)/.*|\1|' -e 's/^$/./' | tr '\n' ' '
}
lines_are() { [ "$(wc -l <"$1")" = "$2" ]; }
longer_than() { [ "$(wc -l <"$1")" -gt "$2" ]; }
# start ARG...: seg-cut in the background, its stream in $T/stream, and wait for
# its first round; with the variables of $preload, if there are any (as fs does; a
# function has no process of its own to be stopped).  It waits for who writes, for
# as long as that takes.
preload=
mkdir figures
start() {
	: >stream
	rm -f figures/round
	# shellcheck disable=SC2086
	env ${preload:-TZ=UTC} \
		"ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0" \
		seg-cut --metrics figures/round --busy-timeout 600000 -d w "$@" \
		>stream 2>said &
	pid=$!
	await test -e figures/round
}
# stop SIGNAL STATUS WHAT
stop() {
	kill "-$1" $pid
	wait $pid
	is $? "$2" "$3"
}
put() {
	sql "$1.db" "INSERT INTO t SELECT max(id) + 1, 'new' FROM t"
}
# is_restored NAMESPACE: its cuts make what is in now.sql
is_restored() {
	seg-restore -qF then.db w/"$1"/*.seg && sql then.db .dump >then.sql &&
		cmp then.sql now.sql
}
# restored NAMESPACE WHAT
restored() {
	sql "$1.db" .dump >now.sql
	ok "$2: as SQLite has it" is_restored "$1"
}

must_fail 2 seg-cut --every 0s -d w a a.db
must_fail 2 seg-cut --every 1 -d w a a.db
must_fail 2 seg-cut --every ms -d w a a.db
must_fail 2 seg-cut --every 1s --full -d w a a.db
must_fail 2 seg-cut --every 1s -n -d w a a.db
must_fail 2 seg-cut --every 1s -s nothere -d w a a.db
empty out "a store that is not there: nothing is printed"

for i in a b c; do
	make_db "$i.db" 20
done

# ---- what changed, and nothing else ----

start --every 50ms a a.db b b.db
ok "the first round" await lines_are stream 4
put b
ok "one changes" await lines_are stream 6
sleep 0.3
is "$(sets stream)" 'a . b . b . ' "a set for each that changed"
put a
stop TERM 0 "SIGTERM: status 0"
is "$(sets stream)" 'a . b . b . a . ' "after a last round"
restored a "the last round"
restored b "a round"
empty said "nothing is said"

start --every 50ms a a.db
stop INT 0 "SIGINT: status 0" 2>/dev/null
is "$(sets stream)" '. ' "a stream that had nothing to tell is one empty set"

# In the last round the signal comes again, as timeout(1) sends it to the process and
# to its group: it is the same.  (By a clock that stands still.)
twice() { # twice MOMENT...: it is so late then
	echo "0 0" >clock
	rm figures/round
	put a
	seg-cut -qd w a a.db >cut.out
	env "LD_PRELOAD=$SEGTOOLS_BUILD/preload/fs.so:$SEGTOOLS_BUILD/preload/clock.so" \
		"CLOCK_FILE=$T/clock" \
		"ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0" \
		"FS_RUN=rename@cut.next=echo 0 0 $1 >clock; kill -TERM \$PPID" \
		seg-cut --metrics figures/round -d w --every 60s a a.db >stream 2>said &
	pid=$!
	await test -e figures/round
	put a
	kill -TERM $pid
	wait $pid 2>/dev/null
}
twice 0
is "$? $(sets stream)" '0 a . ' "SIGTERM twice: a last round all the same"
twice 1
is "$? $(sets stream)" '143 ' "a later one ends it at once"

# SIGHUP, where there is no list to be read again: an end, but not under nohup.
hang_up() { # hang_up DEFAULT | IGNORE
	rm figures/round
	# shellcheck disable=SC2016
	perl -e '$SIG{HUP} = shift; exec @ARGV' "$1" \
		seg-cut --metrics figures/round -d w --every 50ms a a.db >stream 2>said &
	pid=$!
	await test -e figures/round
	kill -HUP $pid
}
hang_up DEFAULT
wait $pid
is $? 0 "SIGHUP: status 0"
hang_up IGNORE
sleep 0.3
put a
ok "one that is ignored ends nothing" await lines_are stream 2
stop TERM 0 "stopped"

# What does not change is not even opened, by root neither
preload="LD_PRELOAD=$SEGTOOLS_BUILD/preload/fs.so FS_LOG=$T/log"
start --every 50ms a a.db b b.db
preload=
done_so_far() { grep -vc figures log; }
n=$(done_so_far)
sleep 0.5
is "$(done_so_far)" "$n" "nothing is done where nothing changes"
# Nor where so much else does that events are lost; what changes then is seen.
too_many_events() {
	kill -STOP $pid
	"$@"
	: >x && : >y
	perl -e 'for (1 .. $ARGV[0]) { utime(undef, undef, "x"); utime(undef, undef, "y") }' \
		"$(cat /proc/sys/fs/inotify/max_queued_events)"
	kill -CONT $pid
	sleep 0.5
}
sleep 3
too_many_events :
is "$(done_so_far)" "$n" "nothing is done where events were lost"
too_many_events put b
ok "but what has changed is seen" await lines_are stream 2
stop TERM 0 "stopped"

# No descriptor on a database between two rounds
start --every 60s a a.db b b.db
is "$(find /proc/$pid/fd -lname "*.db*" | wc -l)" 0 "nothing of a database is open"
stop TERM 0 "stopped"

# A commit that takes long to be durable: its frames are in the log, as events
# tell, before others see it, which nothing tells.
make_db slow.db 20
cat >rounds <<'SH'
n=0
while [ $n -lt 3 ]; do
	was=$(cat figures/round)
	while [ "$(cat figures/round)" = "$was" ]; do sleep 0.02; done
	n=$((n + 1))
done
SH
start --every 50ms slow slow.db
fs FS_RUN='fdatasync@slow.db-wal=!sh rounds' sqlite3 slow.db \
	"PRAGMA synchronous = full; INSERT INTO t VALUES(900, 'slow')" \
	'.shell until [ -e seen ]; do sleep 0.05; done' &
writer=$!
ok "a commit that takes as long as some rounds" await lines_are stream 4
is_restored_slow() { sql slow.db .dump >now.sql && is_restored slow; }
ok "is cut, though nothing is written at its end" is_restored_slow
touch seen
wait $writer
stop TERM 0 "stopped"

# ---- one that is away, or broken, or locked ----

# (The log of who closed it just when it was cut is there still, and would go with
# whatever gets its name.)
sql a.db 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
start --every 50ms a a.db b b.db
mv a.db away.db
ok "away: a failed set" await lines_are stream 1
put b
ok "the other goes on" await lines_are stream 3
sleep 0.3
head -c 5000 /dev/urandom >junk
mv junk a.db
ok "another reason" await lines_are stream 4
sleep 0.3
is "$(sets stream)" '! b . ! ' "each reason is told once"
is "$(wc -l <said)" 2 "and said once"
sql away.db "INSERT INTO t VALUES(1000, 'while it was away')"
mv away.db a.db
ok "back by itself" await lines_are stream 6
is "$(sets stream)" '! b . ! a . ' "a good set, with what was pending"
rm a.db
ok "away again" await lines_are stream 7
stop TERM 1 "the status is that of the last round"
is "$(sets stream)" '! b . ! a . ! ' "the stream is ended well"
rm -r w/a
make_db a.db 20 4096 delete

start --every 50ms a a.db
ok "the first" await lines_are stream 2
{
	echo 'BEGIN EXCLUSIVE; INSERT INTO t VALUES(500, 1);'
	sleep 0.5
	echo 'COMMIT;'
} | sqlite3 -cmd '.timeout 10000' a.db
ok "locked for a while" await lines_are stream 4
is "$(sets stream)" 'a . a . ' "is waited for"
stop TERM 0 "stopped"
# (Who opens b or closes it locks it for a moment: one has it open all the while.)
mkfifo orders
sqlite3 b.db <orders >b.open &
opener=$!
exec 6>orders
echo 'SELECT count(*) FROM t;' >&6
await test -s b.open
start --every 50ms --busy-timeout 100 a a.db b b.db
{
	echo 'BEGIN EXCLUSIVE; INSERT INTO t VALUES(501, 1);'
	echo '.shell touch is-locked'
	await test -e is-locked
	touch a.db
	await lines_are stream 1
	echo "INSERT INTO t SELECT max(id) + 1, 'new' FROM t;" >&6
	await lines_are stream 3
	echo 'COMMIT;'
} | sqlite3 -cmd '.timeout 10000' a.db
exec 6>&-
ok "then it is cut" await lines_are stream 5
is "$(sets stream)" '! b . a . ' "too long: it fails alone"
stop TERM 0 "stopped"
wait $opener

# ---- what becomes of a database between two rounds ----

# Through a symbolic link; with a clock that is set back and forth; and the same
# where inotify tells nothing, as it does of what others write over NFS.
ln -s e.db link.db
mv w others
# told WHAT CMD...: what it does is told (and SQLite, asked for it, would tell
# inotify: a copy is asked)
told() {
	desc=$1
	shift
	"$@"
	image e.db now.db
	sql now.db .dump >now.sql
	ok "$desc" await all_told
}
all_told() {
	is_restored e &&
		[ "$(grep -c ^w/ stream)" = "$(find w/e -name '*.seg' | wc -l)" ]
}
last_line_is() { [ "$(tail -n 1 stream)" = "$1" ]; }
put_at() {
	echo "$1 1" >clock
	put e
}
# (The log of who closes it just when it is cut stays; with what is left of it
# beside it, another file would be the old one.)
replace() {
	sql e.db 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
	mv new.db e.db
}
for fail in fsync@none=EIO inotify_init1=EMFILE; do
	rm -rf w e.db*
	make_db e.db 20
	echo "0 1" >clock
	preload="LD_PRELOAD=$SEGTOOLS_BUILD/preload/fs.so:$SEGTOOLS_BUILD/preload/clock.so
		FS_FAIL=$fail CLOCK_FILE=$T/clock"
	start --every 50ms e link.db
	is "$(sets stream)" 'e . ' "$fail: the first"
	told "a change" put e
	told "by a clock that was set back" put_at -100000
	told "another one" put e
	told "and another" put e
	is "$(grep -c 'TIME is .* ahead of the clock' said)" 1 "said once"
	told "set back once more" put_at -300000
	is "$(grep -c 'TIME is .* ahead of the clock' said)" 2 "said again"
	told "and forth" put_at 100000
	told "one that shrank" sql e.db 'DELETE FROM t WHERE id > 15; VACUUM'
	make_db new.db 30 4096 delete
	told "one that was replaced" replace
	cp e.db kept.db
	cp /dev/null e.db
	ok "one that was truncated fails" await last_line_is '!'
	cp kept.db e.db
	ok "back again, it is well" await last_line_is ''
	told "and goes on" put e
	stop TERM 0 "stopped"
	restored e "after all that"
done
# By stamps that several writes have in common
rm -rf w e.db*
make_db e.db 20 4096 delete
preload="$preload FS_COARSE=1"
start --every 50ms e e.db
for v in 1 2 3; do
	told "change $v of two seconds" sql e.db "UPDATE t SET v = $v WHERE id = 1"
	sleep 0.2
done
stop TERM 0 "stopped"
preload=
rm -r w e.db
mv others w

# One that is replaced just when it is opened has not failed.
make_db r.db 20 4096 delete
make_db other.db 30 4096 delete
printf '#!/bin/sh\nmv other.db r.db\n' >replace-it
chmod +x replace-it
preload="LD_PRELOAD=$SEGTOOLS_BUILD/preload/fs.so FS_RUN=fstat@/r.db\$#2=./replace-it"
start --every 50ms r r.db
preload=
ok "replaced while it was opened" await lines_are stream 2
stop TERM 0 "stopped"
is "$(sets stream)" 'r . ' "no failure is told"
absent other.db
restored r "the other one"

# What cannot be written is named by its key, another one each time: one reason.
preload="LD_PRELOAD=$SEGTOOLS_BUILD/preload/fs.so FS_LOG=$T/log.full"
preload="$preload FS_FAIL=write@w/new/.segtmp-1=ENOSPC"
start --every 50ms new a.db
preload=
tried() { [ "$(grep -c '^open .*w/new/\.segtmp-.*\.seg$' log.full)" -ge "$1" ]; }
ok "a work directory that is full: tried again" await tried 4
is "$(sets stream)" '! ' "it is told once"
is "$(grep -c '' said)" 1 "and said once"
stop TERM 3 "stopped"
rm -rf w/new

# ---- a list ----

printf 'a\ta.db\n' >list
start --every 50ms --list list
printf 'b\tb.db\nc\tc.db\n' >list
kill -HUP $pid
ok "SIGHUP: the list is read again" await grep -q '^w/c/' stream
put a
put b
ok "what is new in it is cut" await grep -q '^w/b/' stream
printf 'nothing valid\n' >list
kill -HUP $pid
ok "a bad one is refused" await grep -q 'stay as they were' said
put c
ok "the old one stays" await lines_are stream 6
mv list list.was
mkfifo list
kill -HUP $pid
ok "a FIFO that nobody writes to" await grep -q ': not a regular file$' said
put c
ok "holds nothing up" await lines_are stream 8
rm list
mv list.was list
stop TERM 0 "stopped"
is "$(grep -c '^w/a/' stream)" 0 "what is not in it any more is not cut"
rm -rf w

# ---- a reader that does not read ----

mkfifo pipe
{
	head -c 65536 /dev/zero
	exec seg-cut --every 20ms -d w a a.db b b.db
} >pipe 2>said &
pid=$!
exec 5<pipe
ok "a full pipe" await test -s w/b/cut.memory
for i in 1 2 3; do
	n=$(find w/a -name '*.seg' | wc -l)
	put a
	await sh -c "[ \"\$(find w/a -name '*.seg' | wc -l)\" -gt $n ]"
done
is "$(find w/a -name '*.seg' | wc -l)" 4 "stops no cut"
: >stream
{ head -c 65536 >/dev/null; cat; } <&5 >stream &
reader=$!
exec 5<&-
ok "it reads on" await grep -q '^w/a/' stream
stop TERM 0 "stopped"
wait $reader
is "$(sets stream | tr ' ' '\n' | grep -c '^a$')" 4 "it has all, in order"
is "$(grep '^w/a' stream | cut -f 3)" "$(grep '^w/a' stream | cut -f 3 | sort -n)" "in frame order"
is "$(tail -n 1 stream)" "" "and the end of a set"

mkfifo broken
seg-cut --every 50ms -d w a a.db >broken 2>said &
pid=$!
put a
head -c 1 <broken >/dev/null
wait $pid
is $? 3 "a reader that has gone: status 3"
is "$(wc -l <said)" 1 "said"

# ---- a store ----

rm -rf w
mkdir st
SEG_STORE=$T/st
export SEG_STORE
listed() {
	seg-list "$1" 2>/dev/null | grep -c /
}
more_than() { [ "$(listed a)" -gt "$1" ]; }
{
	seg-cut --every 50ms -d w a a.db b b.db & echo $! >cutter
	wait $!
	echo $? >status
} 2>said | seg-upload -m >uploaded 2>&1 &
ok "through a pipe into a store" await more_than 0
for i in 1 2 3; do
	n=$(listed a)
	put a
	ok "cut $i gets into it" await more_than "$n"
done
kill "$(cat cutter)"
wait
is "$(cat status)" 0 "stopped"
is "$(listed a)" 4 "each cut is in it"
is "$(find w -name '*.seg')" "" "and nothing is left"
seg-list a >all && seg-plan <all >plan && seg-fetch -d got <plan >got.rec &&
	seg-restore -qF then.db <got.rec
sql then.db .dump >then.sql
sql a.db .dump >now.sql
same then.sql now.sql "as SQLite has it"

# What was offered and did not get there is offered again; what did is not
echo "0 1" >clock
preload="LD_PRELOAD=$SEGTOOLS_BUILD/preload/clock.so CLOCK_FILE=$T/clock"
start --every 50ms a a.db
preload=
put a
ok "a cut that nobody uploads is offered again" await longer_than stream 3
is "$(sort -u stream | grep -c .)" 1 "the same one"
head -n 2 stream >in
ok "uploaded, and the files stay" seg-upload <in
# (The store may have been asked just before.)
n=$(($(wc -l <stream) + 2))
echo "0 100" >clock
sleep 2
is "$(($(wc -l <stream) > n))" 0 "it is offered no more"
# Another writer
cp -r w other
n=$(wc -l <stream)
put a
ok "here" await longer_than stream "$n"
stop TERM 0 "stopped"
sql a.db "DELETE FROM t WHERE id = 5"
ok "another writer" seg-cut -d other a a.db
cp out in
ok "is the first" seg-upload <in
start --every 50ms a a.db
ok "is told" await grep -q "another writer" said
stop TERM 1 "and is the last round's status"

done_testing
