#!/bin/sh
# What a cut leaves beside a database, and what it says of one that it cannot
# open: the object, the true reason and the status.

. "$(dirname "$0")/lib.sh"

# beside DIR: what is there, with owner and mode
beside() {
	(cd "$1" && stat -c '%n %u:%g %a' -- *) | LC_ALL=C sort
}

# restored DB WHAT: the only segment in w gives it
restored() {
	ok "$2: restore" seg-restore -qF then.db w/n/*.seg
	sql "$1" .dump >a
	sql then.db .dump >b
	same b a "$2: the same"
}

# ---- what cannot be opened ----

# refused STATUS PATTERN DB: so, and nothing is left
refused() {
	must_fail "$1" seg-cut -d w n "$3"
	err_like "$2" "$3: said"
	is "$(wc -l <err)" 1 "$3: once"
	absent w
}

make_db whole.db 300 4096 delete
must_fail 2 seg-cut -d w n ''
empty out "an empty name is usage"
mkfifo fifo
mkdir dir
refused 1 'nothere: No such file' nothere
refused 2 'whole.db/x: Not a directory' whole.db/x
refused 2 'dir: not a regular file' dir
refused 2 'fifo: not a regular file' fifo
refused 2 'loop: Too many levels' "$(ln -s loop loop; echo loop)"
for n in 1 60 99 100 511 4096 10000; do
	head -c $n whole.db >short.db
	refused 1 'short.db: (not a database|cut short|.*malformed)' short.db
done
head -c $(($(size whole.db) - 1)) whole.db >short.db
refused 1 'short.db: cut short' short.db
head -c 20000 /dev/urandom >random.db
refused 1 'random.db: not a database, or encrypted' random.db
make_db wal.db 10
rm -f wal.db-wal wal.db-shm
mkdir wal.db-wal
refused 2 'wal.db-wal: Is a directory' wal.db
rmdir wal.db-wal
ln -s elsewhere wal.db-wal
refused 2 'wal.db-wal: Too many levels' wal.db
rm wal.db-wal

# ---- paths that are longer than SQLite takes ----

d=$(printf '%0200d' 0)
long=$d/$d/$d
mkdir -p "$long"
for mode in delete wal; do
	for db in "$long/a.db" "$T/$long/a.db" link.db; do
		rm -rf w "$long"/a.db*
		make_db "$long/a.db" 50 4096 "$mode" 2>/dev/null || {
			make_db a.db 50 4096 "$mode" && mv a.db "$long"
		}
		ln -sf "$long/a.db" link.db
		ok "$mode: a long path" seg-cut -d w n "$db"
		cp "$long/a.db" a.db
		restored a.db "$mode"
		rm a.db
	done
done
# Its log is the one beside it
make_db a.db 50
sqlite3 -cmd '.filectrl persist_wal 1' -cmd '.dbconfig no_ckpt_on_close on' \
	a.db "INSERT INTO t VALUES(99, 'in the log')" >out
rm -rf w "$long"/a.db* a.db-shm
cp a.db a.db-wal "$long"
ok "a long path, with a log" seg-cut -d w n "$long/a.db"
restored a.db "with a log"
is "$(grep -c 'in the log' b)" 1 "which was read"

# ---- other users ----

[ "$(id -u)" = 0 ] || done_testing

# as UID:GID CMD...
chmod 755 "$T"
as() {
	as_ids=$1
	shift
	setpriv --reuid "${as_ids%:*}" --regid "${as_ids#*:}" --clear-groups "$@"
}
mkdir commands
cp "$SEGTOOLS_BIN/seg-cut" commands
cut=$T/commands/seg-cut

# fresh MODE: an idle database of 33:33 that its group may write
fresh() {
	rm -rf app w
	mkdir app w
	make_db app/db 20 4096 "$1"
	rm -f app/db-*
	chown -R 33:33 app
	chmod 2775 app
	chmod 664 app/db
	chown 34 w
}
goes_on() {
	run as 33:33 sqlite3 app/db 'INSERT INTO t SELECT max(id) + 1, 7 FROM t'
	is "$status$(cat err)" 0 "$1: its owner can still write"
}

fresh wal
must_fail 2 as 34:33 "$cut" -d w n app/db
err_like 'app/db: has no -(wal|shm) beside it' "says what is missing"
is "$(beside app)" 'db 33:33 664' "a member of its group leaves nothing"
is "$(ls w)" "" "nor in DIR"
goes_on "refused"

fresh wal
: >app/db-shm
chown 33:33 app/db-shm
must_fail 2 as 34:33 "$cut" -d w n app/db
err_like 'has no -wal beside it' "the -wal is missing"
absent app/db-wal
: >app/db-wal
chown 33:33 app/db-wal
rm app/db-shm
must_fail 2 as 34:33 "$cut" -d w n app/db
err_like 'has no -shm beside it' "the -shm is missing"
absent app/db-shm

# owner_at_work: who has written, and has it open until the file open goes
owner_at_work() {
	: >open
	: >written
	{
		echo "INSERT INTO t VALUES(99, 7); SELECT 'written';"
		while [ -e open ]; do sleep 0.05; done
		echo "INSERT INTO t VALUES(100, 7);"
	} | as 33:33 sqlite3 app/db >written 2>err.owner &
	await test -s written
}

# While its owner has it open both are there
fresh wal
owner_at_work
before=$(beside app)
ok "while its owner has it open" as 34:33 "$cut" -d w n app/db
is "$(beside app)" "$before" "nothing has changed"
rm open
wait
empty err.owner "its owner can still write"

# The same, but its wal-index is being written by one who died over it, and only
# its owner may make it anew.
fresh wal
owner_at_work
chmod 644 app/db-shm
printf '\377' | dd of=app/db-shm bs=1 seek=8 conv=notrunc 2>/dev/null
must_fail 2 as 34:33 "$cut" -d w n app/db
is "$(cat err)" "seg-cut: app/db: SQLite may not write its -shm" "only that is said"
is "$(ls w)" "" "nothing is cut"
rm open
wait
empty err.owner "its owner can still write"

fresh delete
ok "a rollback journal needs none" as 34:33 "$cut" -d w n app/db
is "$(beside app)" 'db 33:33 664' "nothing is left"

fresh wal
chmod 1777 w
ok "root" "$cut" -d w n app/db
is "$(beside app)" "db 33:33 664
db-shm 33:33 664
db-wal 33:33 664" "what root leaves is the owner's"
goes_on "root"
# Where it cannot be made without a name, nor get one, SQLite makes it.
for rule in tmpfile=EOPNOTSUPP linkat=EPERM; do
	fresh wal
	chmod 1777 w
	ok "root, $rule" fs "FS_FAIL=$rule" FS_LOG="$T/log" "$cut" -d w n app/db
	is "$(beside app)" "db 33:33 664
db-shm 33:33 664
db-wal 33:33 664" "$rule: what root leaves is the owner's"
	like log "^${rule%=*} .*app" "$rule: it was tried"
	goes_on "$rule"
	rm log
done
fresh wal
chown 33 w
ok "its owner" as 33:33 "$cut" -d w n app/db
goes_on "its owner"

done_testing
