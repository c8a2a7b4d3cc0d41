#!/bin/sh
# The container's entrypoint restores, protects and makes a last cut.
. "$(dirname "$0")/lib.sh"

mkdir store
SEG_STORE=$T/store
export SEG_STORE
make_db app.db 50

entrypoint=$SEGTOOLS_BUILD/inst/share/segtools/container/entrypoint.sh
export SEG_WORK="$T/work" SEG_EVERY=100ms
entry() {
	timeout -k 1 120 sh "$entrypoint" "$@"
}
rows() {
	sql "$1" 'SELECT count(*) FROM t'
}
restored() {
	rm -f now.db
	seg-list shop | seg-plan | seg-fetch -d f | seg-restore now.db
}
ok "a program that writes and ends" entry shop app.db \
	sqlite3 app.db "INSERT INTO t SELECT id + 1000, v FROM t"
ok "restored" restored
is "$(rows now.db)" 100 "what it wrote last is in the store"
rm -rf app.db app.db-wal app.db-shm work
ok "on another machine" entry shop app.db \
	sqlite3 app.db "INSERT INTO t SELECT id + 2000, v FROM t"
is "$(rows app.db)" 200 "the database was restored, and went on"
is "$(echo work/*) $(find work -name '*.seg')" "work/shop " "nothing is left of that"
ok "restored" restored
is "$(rows now.db)" 200 "and so did the store"
must_fail 7 entry shop app.db sh -c 'exit 7'
must_fail 2 entry
must_fail 2 entry shop app.db
err_like '^usage: .*entrypoint.sh NAMESPACE DB COMMAND' "no command"
for namespace in pipe list run; do
	ok "a namespace called $namespace" entry "$namespace" app.db true
	ok "again" entry "$namespace" app.db true
done
mkdir work/shop.run
: >work/shop.run/kept
ok "beside another namespace" entry shop app.db true
is "$(echo work/shop.run/*)" work/shop.run/kept "whose files stay"
rm -r work/shop.run
echo 'SELECT 41 + 1;' >in
ok "the command reads what it is given" entry shop app.db sqlite3 app.db <in
is "$(cat out)" 42 "from standard input"
ok "or nothing" entry shop app.db true <&-

# A signal that all of them get, as some that run a container send it: what the
# command writes after it, too.
cat >app <<'END'
trap 'until [ -e ended ]; do sleep 0.05; done
	sqlite3 app.db "INSERT INTO t VALUES(-5, 1)"; exit 5' TERM
trap 'touch hup' HUP
kill -HUP "$PPID"
: >up
while :; do sleep 0.05; done
END
# (Under nohup they ignore SIGHUP.)
setsid perl -e '$SIG{HUP} = "DEFAULT"; exec @ARGV' \
	sh "$entrypoint" shop app.db sh app >out 2>err &
pid=$!
await test -e up
ok "SIGHUP is the command's, from its beginning on" await test -e hup
# (Those that protect mind signals by their first file.)
await test -s work/shop/cut.memory
# running [NAME]: of the session; who has ended and waits for init has
running() { pgrep -r D,R,S,T -s "$pid" "$@"; }
await running '^seg-'
kill -TERM "-$pid"
none_left() { ! running '^seg-'; }
ok "SIGTERM for all ends those that protect" await none_left
: >ended
wait "$pid"
is $? 5 "the status is the command's"
ok "restored" restored
is "$(sql now.db 'SELECT count(*) FROM t WHERE id = -5')" 1 "what it wrote last is there"

# Those that protect are started again, whichever of them dies, and what is written
# then is in the store while the command runs.
cat >app <<'END'
trap 'sqlite3 app.db "INSERT INTO t VALUES(-9, 1)"; exit 5' TERM
: >up
until [ -e go ]; do sleep 0.05; done
exit 6
END
begin() {
	rm -f up go
	setsid sh "$entrypoint" shop app.db sh app 2>said &
	pid=$!
	await test -e up
}
protected() {
	begin
	await running '^seg-cut'
}
id=-10
written() {
	id=$((id - 1))
	sql app.db "INSERT INTO t VALUES($id, 1)"
}
stored() {
	restored && [ "$(sql now.db "SELECT count(*) FROM t WHERE id = $id")" = 1 ]
}
# finished STATUS: of the whole, and nothing is left of it
finished() {
	wait "$pid"
	is "$? $(running) $(echo work/shop/.run*)" "$1  work/shop/.run*" \
		"status $1, and nothing is left running"
}
protected
pkill -KILL -s "$pid" '^seg-cut'
written
ok "seg-cut is killed: what is written then is stored" await stored
like said '^entrypoint.sh: seg-cut ended with status 137, .* again in 1 s$' "it is said"
pkill -KILL -s "$pid" '^seg-upload'
written
ok "seg-upload is killed: what is written then is stored" await stored
like said 'seg-upload with 137: started again in [12] s$' "it is said"
pkill -KILL -s "$pid" '^seg-'
written
ok "both are killed: what is written then is stored" await stored
is "$(grep -c 'started again' said)" 3 "it is said"
: >go
finished 6

# A pause that would not end, as a program in the place of sleep.
mkdir bin
cat >bin/sleep <<'END'
#!/bin/sh
PATH=${PATH#*:}
case $1 in 0.*) exec sleep "$1" ;; esac
echo "$1" >>slept
[ -e restless ] || exec sleep 1000
END
chmod +x bin/sleep
path=$PATH
PATH=$T/bin:$PATH
protected
pkill -KILL -s "$pid" '^seg-'
await test -s slept
written
: >go
finished 6
ok "it ended in the pause: what was written then is stored" stored
rm slept
protected
pkill -KILL -s "$pid" '^seg-'
await test -s slept
kill -TERM "$pid"
finished 5
id=-9
ok "SIGTERM in the pause is the command's, and it is stored" stored
# A store that is missing is asked for as long as the command runs.
rm slept
: >restless
mv store away
begin
await grep -q 60 slept
is "$(head -n 7 slept | xargs)" "1 2 4 8 16 32 60" "the pauses grow to a minute"
mv away store
written
ok "the store is back: what is written then is stored" await stored
: >go
finished 6
PATH=$path
SEG_EVERY=soon
must_fail 2 entry shop app.db touch ran
err_like '^seg-cut: --every: soon is not an interval' "a mistake in SEG_EVERY"
absent ran
SEG_EVERY=100ms

mv store away
must_fail 70 entry shop app.db sqlite3 app.db "INSERT INTO t VALUES(-2, 1)"
mv away store
# A store that cannot be asked is no new namespace.
SEG_STORE=$T/none
must_fail 70 entry shop new.db true
absent new.db
done_testing
