#!/bin/sh
# seg-cut by itself: the ways it takes, what it remembers, what it refuses.

. "$(dirname "$0")/lib.sh"

make_cut() {
	seg-cut -v -d work shop db
}

# restored WHAT: the cuts in work give the database db
restored() {
	set -- "$1" work/shop/*.seg
	what=$1
	shift
	chain=
	for f; do
		chain="$chain $f"
		case $f in *-00000000000000000001-*) break ;; esac
	done
	# shellcheck disable=SC2086
	ok "$what: restore" seg-restore -qF then.db $chain
	image db wanted.db
	same then.db wanted.db "$what: as SQLite has it"
}

lines() {
	wc -l <out | tr -d ' '
}

# In the log and not checkpointed
log_sql() {
	sqlite3 -cmd '.filectrl persist_wal 1' \
		-cmd '.dbconfig no_ckpt_on_close on' db "$1" >/dev/null
}

for ps in 512 4096 65536; do
	rm -rf db* work
	make_db db 300 $ps
	ok "$ps: first cut" make_cut
	err_like 'a full cut' "$ps: a full one"
	is "$(lines)" 2 "$ps: one record"
	is "$(cut -f 2 out | head -n 1)" 1 "$ps: from frame 1"
	pages=$(sqlite3 db 'PRAGMA page_count')
	is "$(cut -f 3,5 out | head -n 1)" "$pages	$pages" "$ps: all pages"
	restored "$ps full"
	ok "$ps: nothing changed" make_cut
	is "$(lines)" 1 "$ps: an empty set"
	log_sql "UPDATE t SET v = 'x' WHERE id = 7"
	ok "$ps: in the log, whatever was before" make_cut
	is "$(cut -f 2 out | head -n 1)" $((pages + 1)) "$ps: goes on"
	restored "$ps database"
	log_sql "UPDATE t SET v = 'y' WHERE id = 8"
	ok "$ps: more of the log" make_cut
	err_like "log's new part" "$ps: that alone is read"
	restored "$ps log"
	log_sql "BEGIN; UPDATE t SET v = 'z' WHERE id = 8; COMMIT;
		UPDATE t SET v = 'y' WHERE id = 8"
	ok "$ps: changed and changed back" make_cut
	restored "$ps back"
	ok "$ps: nothing changed" make_cut
	empty err "$ps: and nothing is read"
	log_sql "DELETE FROM t WHERE id > 20; VACUUM"
	ok "$ps: a vacuum" make_cut
	restored "$ps vacuum"
	log_sql "WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1
		FROM n WHERE i < 1500) INSERT INTO t SELECT i, hex(randomblob(90)) FROM n"
	ok "$ps: growth" make_cut
	err_like "log's new part" "$ps: read from the log"
	restored "$ps growth"
	sqlite3 db 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
	ok "$ps: after a checkpoint" make_cut
	is "$(lines)" 1 "$ps: nothing changed"
	restored "$ps checkpoint"
	sqlite3 db 'PRAGMA journal_mode = delete' >/dev/null
	ok "$ps: another journal mode" make_cut
	restored "$ps delete"
	touch -d '1 hour ago' db
	ok "$ps: other time stamps" make_cut
	is "$(lines)" 1 "$ps: nothing changed"
	sqlite3 db "INSERT INTO t VALUES(9999, 'a')"
	ok "$ps: delete mode" make_cut
	restored "$ps delete mode"
	rm work/shop/cut.memory
	ok "$ps: the memory lost" make_cut
	err_like 'a full cut' "$ps: a full cut"
	restored "$ps lost memory"
	printf '%016d' 0 |
		dd of=work/shop/cut.memory bs=1 seek=5000 conv=notrunc 2>err
	sqlite3 db "INSERT INTO t VALUES(10000, 'a')"
	ok "$ps: the memory damaged" make_cut
	err_like 'a full cut' "$ps: a full cut"
	restored "$ps damaged memory"
	cp db other && mv other db
	sqlite3 db "INSERT INTO t VALUES(10001, 'a')"
	ok "$ps: another file of that name" make_cut
	restored "$ps replaced"
done
sqlite3 db 'PRAGMA page_size = 1024; VACUUM'
ok "another page size" make_cut
err_like 'a full cut' "is a full cut"
restored "page size"
sqlite3 db 'PRAGMA page_size = 8192; VACUUM'
ok "a larger one" make_cut
err_like 'a full cut' "is a full cut too"
restored "a larger page size"
cp db whole
truncate -s -100 db
must_fail 1 make_cut
err_like '^seg-cut: db: cut short: it has [0-9]+ bytes$' "a database that lacks the end of its last page"
mv whole db
no_leftovers work
ok "--full" seg-cut -d work --full shop db
is "$(lines)" 2 "--full cuts what did not change"
restored "--full"

# The clock set back: what is here has a later TIME
ok "again" seg-cut -d work --full shop db
for f in work/shop/*.seg work/shop/*.idx; do
	base=${f##*/}
	cp "$f" "work/shop/$(echo "$base" | cut -c 1-42)00000004000000000000.${base##*.}"
done
sqlite3 db "INSERT INTO t VALUES(10002, 'a')"
ok "a cut after the clock was set back" make_cut
is "$(cut -f 4 out | head -n 1)" 2096-10-02T07:06:40.000Z "is not older"
rm -rf work

# Bad databases
ok "again" make_cut
must_fail 1 seg-cut -d work shop nothere
must_fail 2 seg-cut -d work shop work
must_fail 2 seg-cut -d work shop
must_fail 2 seg-cut -d work a/b db
must_fail 2 seg-cut -d nothere/work shop db
: >empty
ok "an empty file" seg-cut -d new shop empty
is "$(cat out)" "" "an empty set"
must_fail 1 seg-cut -d work shop empty
is "$(cat out)" "!" "what was not empty before: a failed set"
head -c 5000 /dev/urandom >junk
must_fail 1 seg-cut -d new shop junk
err_like 'not a database' "said"
absent new

# Locked
rm -rf db* work
make_db db 100 4096 delete
mkfifo orders
sqlite3 db <orders &
exec 3>orders
printf 'BEGIN EXCLUSIVE;\n.shell touch is-locked\n' >&3
await test -e is-locked
must_fail 3 seg-cut --busy-timeout 100 -d work shop db
is "$(cat out)" "!" "a failed set"
{
	sleep 0.5
	echo 'COMMIT;' >&3
} &
ok "waits for a busy database" seg-cut --busy-timeout 600000 -d work shop db
exec 3>&-
wait

# A hot journal
sqlite3 db "INSERT INTO t SELECT id + 1000, v FROM t"
{
	echo 'PRAGMA cache_size = 1; BEGIN; UPDATE t SET v = 1;'
	echo '.shell cp db hot.db && cp db-journal hot.db-journal'
	echo 'ROLLBACK;'
} | sqlite3 db
cp hot.db-journal j
if [ "$(head -c 1 j | od -An -tx1)" = " d9" ]; then
	must_fail 3 seg-cut -d work shop hot.db
	err_like 'hot journal' "said"
	same hot.db-journal j "and left alone"
else
	fail "no hot journal was made"
fi

# Modes
umask 022
chmod 640 db
rm -rf work
ok "a private database" make_cut
is "$(stat -c %a "$(head -n 1 out | cut -f 1)")" 640 "has private segments"
chmod 644 db

# With a store
rm -rf db* work st
make_db db 100
mkdir st
SEG_STORE=$T/st
export SEG_STORE
ok "cut 1" make_cut
cp out 1
log_sql "UPDATE t SET v = 'x' WHERE id = 7"
ok "cut 2" make_cut
is "$(lines)" 3 "the set has what was not uploaded"
is "$(head -n 1 out)" "$(head -n 1 1)" "in frame order"
ok "nothing changed" make_cut
is "$(lines)" 3 "it still has"
cp out in
ok "upload" seg-upload -m <in
ok "nothing changed" make_cut
is "$(lines)" 1 "nothing is pending"
mv st away
mkdir st
ok "nothing changed, nothing pending" make_cut
is "$(lines)" 1 "the store is not asked"
rm -r st
mkdir st
SEG_STORE='' ok "another store, and nothing changed" seg-cut -s st -d work shop db
is "$(lines)" 2 "is offered what it lacks"
rm -r st
mv away st
log_sql "UPDATE t SET v = 'y' WHERE id = 7"
ok "cut 3" make_cut
rm work/shop/*.seg work/shop/*.idx
log_sql "UPDATE t SET v = 'z' WHERE id = 7"
ok "a cut that the store lacks has gone" make_cut
is "$(cut -f 2 out | head -n 1)" 1 "a full one"
is "$(lines)" 2 "alone"
cp out in
ok "upload" seg-upload <in
cp -r work old
log_sql "UPDATE t SET v = 'a' WHERE id = 7"
make_cut >out 2>err
cp out in
ok "upload" seg-upload <in
log_sql "UPDATE t SET v = 'b' WHERE id = 7"
must_fail 1 seg-cut -d old shop db
err_like 'another writer' "said"
ok "-F" seg-cut -F -d old shop db
is "$(cut -f 2 out | head -n 1)" 1 "a full one after them"

# Two full cuts continue one END, and what is in the store is the shorter one.
cp out in
ok "upload" seg-upload <in
log_sql "UPDATE t SET v = 'c' WHERE id = 7"
for w in work old; do
	ok "$w" seg-cut --full -F -d $w shop db
	cp out $w.in
	log_sql "UPDATE t SET v = hex(randomblob(3000)) WHERE id % 40 = 0"
done
ok "one is published" seg-upload <work.in
must_fail 1 seg-upload --busy-timeout 0 <old.in
must_fail 1 seg-cut -d old shop db
err_like 'another writer' "the other one has been overtaken"
ok "-F" seg-cut -F -d old shop db
is "$(lines)" 2 "a cut after both, alone"
cp out in
ok "and it is published" seg-upload <in
must_fail 2 seg-cut -s nothere -d work shop db
empty "$T/out" "a missing store prints nothing"
unset SEG_STORE

must_fail 3 sh -c 'seg-cut --full -d work shop db >/dev/full'

done_testing
