#!/bin/sh
# seg-sync and seg-list -k: the catalogue against the store.
. "$(dirname "$0")/lib.sh"

SEG_STORE=$T/store
export SEG_STORE
ns=store/v2/clusters/default/namespaces
mkdir store

object() { # NAMESPACE KEY BYTES [.zst]
	mkdir -p "$ns/$1/indexes" "$ns/$1/segments"
	head -c 30 /dev/zero >"$ns/$1/indexes/$2"
	head -c "$3" /dev/zero >"$ns/$1/segments/$2${4:-}"
}
k1=18446744073709551607-00000000000000000001-00000001726000000000
k1b=18446744073709551607-00000000000000000001-00000001726000000001
k2=18446744073709551595-00000000000000000009-00000001726000001000
wide=18446744073709551595-00000000000000000001-00000001726000001000
last=00000000000000000000-00000000000000000021-18446744073709551615

same_as_store() {
	ok "list" seg-list
	cp out wanted
	ok "list -k" seg-list -k cat.db
	same out wanted "$1"
}

# both begin with frames 1-8: neither drops the other's
for n in a 'b "c'; do
	object "$n" $k1 8288
	object "$n" $k2 4176
done
ok "add" seg-sync -k cat.db --add a --add 'b "c' --add a
empty out "prints nothing"
same_as_store "two namespaces with the same ranges"
ok "names" seg-list -k cat.db -N
is "$(cat out)" 'a
b "c' "names from the catalogue"
ok "monitored" seg-sync -k cat.db --monitored
is "$(cat out)" 'a
b "c' "monitored"
ok "monitored -J" seg-sync -k cat.db --monitored -J
cp out names
is "$(cat out)" '{"namespace":"a"}
{"namespace":"b \"c"}' "one object a line"
ok "names -J" seg-list -N -J
same out names "like seg-list -N -J"
is "$(sqlite3 cat.db 'PRAGMA journal_mode; PRAGMA user_version')" "wal
3" "WAL mode, version 3"

# newer ones by default; all and what has gone with --full
object a $last 100
ok "newer" seg-sync -k cat.db
same_as_store "the greatest END there is"
object a $wide 8288
object a $k1b 8288
ok "nothing newer" seg-sync -k cat.db
ok "list -k" seg-list -k cat.db a
is "$(wc -l <out)" 4 "a merge of an older range is not newer"
ok "full" seg-sync -k cat.db --full a
same_as_store "found by --full, two times for one range too"
rm "$ns/a/indexes/$k1" "$ns/a/indexes/$last"
rm "$ns/a/segments/$k2"
ok "full" seg-sync -k cat.db --full
same_as_store "what has gone is forgotten, sizes too"

# unmonitoring leaves nothing behind
ok "remove" seg-sync -k cat.db --remove a
must_fail 1 seg-list -k cat.db a
is "$(sqlite3 cat.db 'SELECT count(*) FROM segments')" 2 "no rows left"
ok "add again" seg-sync -k cat.db --add a
same_as_store "monitored anew"
must_fail 1 seg-sync -k cat.db other
err_like "other: not monitored" "said"

# a metastore
sqlite3 meta.db "CREATE TABLE namespace_configs(namespace TEXT NOT NULL
	PRIMARY KEY, config BLOB NOT NULL);
	INSERT INTO namespace_configs VALUES('a', x''), ('new', x'')"
ok "from a metastore" seg-sync -k cat.db --from-db meta.db
ok "monitored" seg-sync -k cat.db --monitored
is "$(cat out)" 'a
new' "added and removed"
is "$(sqlite3 cat.db 'SELECT count(*) FROM segments
	WHERE namespace_id NOT IN (SELECT id FROM namespaces)')" 0 \
	"no rows left of what was removed"
sqlite3 other.db "CREATE TABLE t(x)"
must_fail 1 seg-sync -k cat.db --from-db other.db
err_like "other.db: no such table: namespace_configs" "said"
sqlite3 meta.db "INSERT INTO namespace_configs VALUES('x/y', x'')"
must_fail 1 seg-sync -k cat.db --from-db meta.db
must_fail 1 seg-sync -k cat.db --from-db missing.db
ok "monitored" seg-sync -k cat.db --monitored
is "$(cat out)" 'a
new' "none of them changed anything"

# Many namespaces cost no sync each, and all of them are durable at the end, also
# where another keeps what was written in the log.
seq -f 'm%.0f' 40 >many
while read -r n; do
	object "$n" $k1 8288
done <many
ok "a catalogue" seg-sync -k many.db --add m1
mkfifo hold
sqlite3 many.db <hold >/dev/null &
exec 3>hold
printf 'BEGIN; SELECT count(*) FROM segments;\n.shell touch has-begun\n' >&3
await test -e has-begun
xargs -I NAME echo --add NAME <many >adds
# shellcheck disable=SC2046 # names without spaces
ok "forty namespaces" fs FS_LOG="$T/log" seg-sync -k many.db $(cat adds)
echo 'COMMIT;' >&3
exec 3>&-
wait
grep -e '-wal' log >wal.log
is "$(tail -n 1 wal.log | grep -c 'f[a-z]*sync .*-wal')" 1 "the log is synced last"
is "$(($(grep -c sync wal.log) < 9))" 1 "and seldom before"
is "$(($(grep -c '^write' wal.log) < 240))" 1 \
	"in fewer transactions than namespaces" ||
	note "$(grep -c '^write' wal.log) writes"

# What others record of one that is listed already, and waits for the rest.
# shellcheck disable=SC2046
ok "one is removed from meanwhile" fs \
	FS_RUN="opendir@/m9/=seg-list m10 | seg-rm -F -k busy.db; echo \$? >removed" \
	seg-sync -k busy.db $(cat adds)
is "$(cat removed)" 0 "at once"
run seg-list -k busy.db m10
is "$(grep -c . out)" 0 "what has gone is not known"

# Compressed ones, also of so many bytes as plain ones have; one in both forms.
object z $k1 8288
object z $k2 8288 .zst
object z $last 4177 .zst
object y $k1 8288
object y $k1 4176 .zst
ok "compressed ones" seg-sync -k cat.db --add z --add y z y
same_as() { # CATALOGUE DESC
	ok "list" seg-list z y
	cp out wanted
	ok "list -k" seg-list -k "$1" z y
	same out wanted "$2"
}
same_as cat.db "compressed ones: PAGES too"
is "$(cut -f 5 out | tr '\n' ' ')" "2 - -  2  " "which nobody counts"

# One of version 2, which took such for plain ones: read as it is, changed by
# whoever may change it, and right when it has been listed again.
old_catalogue() {
	rm -f old.db*
	sqlite3 old.db "PRAGMA journal_mode = WAL;
		CREATE TABLE namespaces (id INTEGER PRIMARY KEY,
			name TEXT NOT NULL UNIQUE,
			changes INTEGER NOT NULL DEFAULT 0, newest TEXT);
		CREATE TABLE segments (namespace_id INTEGER NOT NULL
			REFERENCES namespaces(id) ON DELETE CASCADE,
			end TEXT NOT NULL, start TEXT NOT NULL,
			time TEXT NOT NULL, bytes INTEGER,
			PRIMARY KEY (namespace_id, end, start, time))
			WITHOUT ROWID;
		PRAGMA application_id = 1936025443;
		PRAGMA user_version = 2;
		ATTACH 'cat.db' AS now;
		INSERT INTO namespaces SELECT * FROM now.namespaces;
		INSERT INTO segments SELECT namespace_id, end, start, time,
			bytes FROM now.segments" >/dev/null
}
version() {
	sqlite3 old.db "PRAGMA user_version"
}
old_catalogue
ok "one of version 2" seg-list -k old.db z y
is "$(cut -f 5 out | tr '\n' ' ')" "2 2 -  2  " "is read as it was"
cp out as-it-was
is "$(version)" 2 "reading does not change it"
ok "seg-upload -n" sh -c 'echo | seg-upload -n -k old.db'
is "$(version)" 2 "nor does a dry run"
ok "seg-upload" sh -c 'echo | seg-upload -v -k old.db'
err_like "^seg-upload: old.db: brought from version 2 to 3" "a change does"
is "$(version)" 3 "it is of version 3"
is "$(sqlite3 old.db "PRAGMA table_info(segments)")" \
	"$(sqlite3 cat.db "PRAGMA table_info(segments)")" "with its tables"
ok "listed" seg-list -k old.db z y
same out as-it-was "what it says is the same"
ok "seg-sync" seg-sync -k old.db z y
same_as old.db "a sync makes it right, though nothing is newer"
before=$(sqlite3 old.db "SELECT sum(changes) FROM namespaces")
ok "another" seg-sync -k old.db z y
is "$(sqlite3 old.db "SELECT sum(changes) FROM namespaces")" "$before" \
	"has nothing to do"
sqlite3 old.db "PRAGMA user_version = 2" >/dev/null
ok "one that the other version wrote to meanwhile" seg-sync -k old.db z y
same_as old.db "is right too"
is "$(version)" 3 "of version 3"
old_catalogue
cp old.db before.db
must_fail 3 fs FS_FAIL=write@old.db-wal=ENOSPC seg-sync -k old.db z y
is "$(version)" 2 "a disk that is full: it stays of version 2"
ok "later" seg-sync -k old.db z y
same_as old.db "it is right"
old_catalogue
for i in 1 2 3 4; do
	seg-sync -k old.db z y 2>"sync.$i" &
done
wait
cat sync.? >sync.err
empty sync.err "four at once: each works"
same_as old.db "and it is right"

# what is no catalogue
cp other.db before.db
must_fail 1 seg-sync -k other.db --add a
err_like "other.db: not a catalogue" "another SQLite file"
same other.db before.db "untouched"
echo "this is not a database, not even nearly" >junk
must_fail 1 seg-sync -k junk --add a
must_fail 1 seg-list -k junk
must_fail 1 seg-list -k missing.db
cp cat.db new.db
sqlite3 new.db "PRAGMA user_version = 4" >/dev/null
must_fail 1 seg-list -k new.db
err_like "version 4" "of a newer version"
must_fail 3 sh -c "seg-sync -k cat.db --monitored >/dev/full"
err_like "^seg-sync: " "a full disk: says so"
must_fail 3 sh -c "seg-sync -k cat.db --monitored >&-"
must_fail 2 seg-sync
must_fail 2 seg-sync -k cat.db --add a/b
must_fail 2 seg-sync -k cat.db --monitored --full
must_fail 2 seg-sync -k cat.db -s "$T/no" a
must_fail 2 seg-list -k cat.db -O
done_testing
