#!/bin/sh
# seg-cut --every beside a store that is away, answers late or does not answer,
# is ahead or behind; with a list that is read again; where a call fails.

. "$(dirname "$0")/lib.sh"

put() {
	sql "$1.db" "INSERT INTO t SELECT max(id) + 1, 'new' FROM t"
}
# start ARG...: seg-cut in the background, its stream in $T/stream; what fs is
# to do is in $fs, what it is told in $environment
start() {
	: >stream
	: >said
	# (As fs does; a function has no process of its own to be stopped.)
	env "LD_PRELOAD=${preload-}" ${fs:+"$fs"} "CLOCK_FILE=$T/clock" \
		"ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0" \
		seg-cut -v -d w "$@" >stream 2>said &
	pid=$!
}
# stop STATUS WHAT
stop() {
	kill -TERM $pid
	wait $pid
	is $? "$1" "$2"
	preload='' fs=''
}
# records N: so many were told at least
records() { [ "$(grep -c '\.seg' stream)" -ge "$1" ]; }
# said N TEXT: so often at least
said() { [ "$(grep -c -e "$2" said)" -ge "$1" ]; }
faster=$SEGTOOLS_BUILD/preload/clock.so
echo "0 1" >clock
for i in a b c; do
	make_db "$i.db" 20
done

# ---- a list that is read again ----

printf 'a\ta.db\nb\tb.db\n' >list
start --every 20ms --list list
await records 2
printf 'b\tb.db\nc\tc.db\nd\ta.db\n' >list
kill -HUP $pid
ok "those that are new are cut" await records 4
put b
ok "one that stays goes on" await records 5
n=$(grep -c '^w/b/' stream)
is "$n" 2 "it is not told again from its beginning"
stop 0 "the end"
is "$(find w/b -name '*.seg' | wc -l)" 2 "two cuts of it"
rm -rf w
printf 'a\ta.db\n' >list
: >stream
seg-cut -d w --every 20ms --list - <list >stream 2>said &
pid=$!
await records 1
kill -HUP $pid
ok "standard input" await said 1 'standard input cannot be read again'
stop 0 "the end"

# ---- a store ----

# It is away at first, and is told of once; what it missed is offered when it
# is there.
rm -rf w
mkdir store
start --every 20ms -s store a a.db b nothere.db
await test -s w/a/cut.memory
mv store away
put a
ok "it is away" await said 1 'store: '
put a
echo "0 100" >clock
mv away store
stop 1 "one database is not there"
echo "0 1" >clock
is "$(grep -c '^seg-cut: store: ' said)" 1 "said once"

# It does not answer of two, and why is another reason for each; of a third it does.
preload=$faster
start --every 20ms -s store a a.db b b.db c c.db
await records 3
ns=store/v2/clusters/default/namespaces
mkdir -p $ns/a $ns/b
ln -s nothere $ns/a/indexes
ln -s nothere $ns/b/indexes
echo "0 300" >clock
ok "why is said of one" await said 1 '/a/indexes'
ok "and of the other" await said 1 '/b/indexes'
sleep 2
is "$(grep -c '/indexes' said)" 2 "once, in ten minutes"
rm -r store && mkdir store
stop 0 "the end"
echo "0 1" >clock

# At the end, too: what is not printed for want of its answer is no success.
hide() { ln -s nothere $ns/a/indexes; }
rm -r w
seg-cut -d w a a.db b b.db >in
ok "what was cut before is in the store" seg-upload -m -s store <in
cp -r store kept
rm -r $ns/a/indexes
hide
put a
put b
# (By a clock that stands still: there is a first round and a last one.)
echo "0 0" >clock
preload=$faster
start --every 1s -s store a a.db b b.db
ok "it does not answer of one" await said 1 '/a/indexes'
await records 1
stop 3 "which cannot be told: status 3"
is "$(sed 's|^w/\(.\)/.*|\1|; s/^$/./' stream | sort | tr '\n' ' ')" '! . b ' \
	"that one has failed, the other is printed"
is "$(grep -c '^seg-cut: a: what is in w is not printed' said)" 1 "said"
preload=$faster
start --every 1s -s store a a.db
ok "again" await said 1 '/a/indexes'
rm $ns/a/indexes
cp -r kept/${ns#*/}/a/indexes $ns/a/
stop 0 "when it is back at the end it is asked once more"
is "$(grep -c '^w/a/' stream)" 1 "and what it lacks is printed"
rm -r w store kept && mkdir store

# Its reader takes nothing: it is offered again, at growing intervals.
preload=$faster
echo "0 300" >clock
start --every 20ms -s store a a.db
ok "offered again and again" await records 12
all_told() {
	set -- w/a/*.seg
	[ $# -gt "$n" ] || return
	for seg; do
		grep -qF "$seg" stream || return
	done
}
set -- w/a/*.seg
n=$#
put a
ok "what is new too" await all_told
stop 0 "the end"

# A process cannot be had.
echo "0 1" >clock
preload=$SEGTOOLS_BUILD/preload/fs.so
fs="FS_FAIL=fork#1=EAGAIN"
rm -rf store && mkdir store
start --every 20ms -s store a a.db
ok "no process to ask the store: later" await records 3
stop 0 "the end"

# DIR cannot be read, at one time or another.
: >seen
for n in 1 2 3 4 5; do
	preload=$SEGTOOLS_BUILD/preload/fs.so
	fs="FS_FAIL=opendir@w/a#$n=EIO"
	rm -rf w
	start --every 20ms a a.db
	await sh -c "grep -q 'seg-cut: w/a: Input/output error' said ||
		[ -s w/a/cut.memory ]"
	kill -TERM $pid
	wait $pid
	echo "$? $(grep -c 'w/a: Input/output error' said)" >>seen
done
note "statuses, and how often it was said: $(cat seen)"
is "$(grep -cvx '[03] [01]' seen)" 0 "DIR is not to be read: said once"

done_testing
