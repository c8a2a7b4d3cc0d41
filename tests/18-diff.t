#!/bin/sh
# seg-diff: what leads from one state to another: SQL, changesets, counts.
. "$(dirname "$0")/lib.sh"

SEG_STORE=$T/store
export SEG_STORE
mkdir store

# stored NAMESPACE DB: cut and uploaded; its plan in NAMESPACE.plan
stored() {
	seg-cut -d work "$1" "$2" >cuts && seg-upload <cuts >/dev/null &&
		seg-list "$1" >listing && seg-plan <listing >"$1.plan"
}

# replayed DB SCRIPT: runs it as a person does
replayed() {
	sqlite3 -bail "$1" <"$2"
}

# same_rows DB DB SQL DESC
same_rows() {
	sqlite3 "$1" "$3" >rows.a && sqlite3 "$2" "$3" >rows.b &&
		same rows.a rows.b "$4"
}

# --- SQL

sqlite3 shop.db >/dev/null <<'SQL'
PRAGMA journal_mode = wal;
CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT, u UNIQUE);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
	INSERT INTO t SELECT i, printf('%0100d', i), i FROM n;
CREATE TABLE w(a TEXT COLLATE NOCASE, b, c, PRIMARY KEY(a, b)) WITHOUT ROWID;
INSERT INTO w VALUES('x', 1, 1), ('y', 2, 2);
CREATE TABLE k(a);
INSERT INTO k VALUES(1), (2), (3);
CREATE TABLE p(a, b, c, PRIMARY KEY(a, b));
INSERT INTO p VALUES(1, 2, 0), (NULL, 3, 0), (4, 5, 0);
CREATE TABLE same(a PRIMARY KEY, b);
INSERT INTO same VALUES(1, 2);
CREATE TRIGGER tr AFTER UPDATE ON t BEGIN INSERT INTO k VALUES('trigger'); END;
SQL
stored shop shop.db
image shop.db first.db
mv shop.plan first.plan
sqlite3 shop.db <<'SQL'
DROP TRIGGER tr;
UPDATE t SET u = -1 WHERE id = 10;
UPDATE t SET u = 10 WHERE id = 11;
UPDATE t SET u = 11 WHERE id = 10;
UPDATE t SET v = CAST(x'ff00' AS TEXT) WHERE id = 500;
DELETE FROM t WHERE id = 77;
CREATE TRIGGER tr AFTER UPDATE ON t BEGIN INSERT INTO k VALUES('trigger'); END;
INSERT INTO k VALUES(9e999), (0.1), ('a' || char(13, 10) || 'it''s'), (-0.0);
DELETE FROM k WHERE a = 2;
UPDATE k SET a = 1.0 WHERE a = 1;
UPDATE w SET a = 'X' WHERE a = 'x';
INSERT INTO p VALUES(7, 8, 0);
UPDATE p SET c = 9 WHERE a IS NULL;
UPDATE p SET c = 9 WHERE a = 4;
DELETE FROM p WHERE a = 1;
REPLACE INTO same VALUES(1, 2);
PRAGMA user_version = 7;
SQL
stored shop shop.db
cat first.plan shop.plan >two
ok "seg-diff" seg-diff <two
cp out script
cat >want <<'E2'
PRAGMA foreign_keys = OFF;
PRAGMA ignore_check_constraints = ON;
BEGIN;
DELETE FROM "k" WHERE rowid = 2;
UPDATE "k" SET "a" = 1.0 WHERE rowid = 1;
DELETE FROM "p" WHERE "a" = 1 AND "b" = 2;
UPDATE "p" SET "c" = 9 WHERE rowid = 2;
UPDATE "p" SET "c" = 9 WHERE "a" = 4 AND "b" = 5;
DROP TRIGGER "tr";
DELETE FROM "t" WHERE "id" = 10;
DELETE FROM "t" WHERE "id" = 11;
UPDATE "t" SET "v" = CAST(x'ff00' AS TEXT) WHERE "id" = 500;
DELETE FROM "t" WHERE "id" = 77;
DELETE FROM "w" WHERE "a" = 'x' AND "b" = 1;
INSERT INTO "k"("rowid","a") VALUES(4,9e999);
E2
grep -E '^(DELETE|UPDATE|DROP|BEGIN|PRAGMA f|PRAGMA i)' script | LC_ALL=C sort >got
grep -v INSERT want | LC_ALL=C sort | diff - got >cmp.out
is "$(cat cmp.out)" "" "what goes, what changes"
is "$(tail -n 1 script)" "COMMIT;" "COMMIT comes last"
cp first.db copy.db
ok "the SQL" replayed copy.db script
for q in 'SELECT id, hex(v), u FROM t' 'SELECT * FROM w' \
	"SELECT rowid, typeof(a), hex(a), printf('%!.20g', a) FROM k" \
	'SELECT * FROM p ORDER BY a, b' 'PRAGMA user_version' \
	'SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2'; do
	same_rows copy.db shop.db "$q" "gives the second state: $q"
done
ok "--undo" seg-diff --undo <two
cp out undo
ok "the way back" replayed copy.db undo
for q in 'SELECT id, hex(v), u FROM t' 'SELECT * FROM w' 'SELECT rowid, typeof(a), a FROM k' \
	'SELECT * FROM p ORDER BY a, b' 'PRAGMA user_version' \
	'SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2'; do
	same_rows copy.db first.db "$q" "gives the first: $q"
done
ok "--summary" seg-diff --summary <two
printf 'k\t4\t1\t1\np\t1\t2\t1\nt\t0\t3\t1\nw\t1\t0\t1\n' >want
same out want "counts rows, of changed tables alone"
ok "tables" seg-diff --summary T p <two
printf 'p\t1\t2\t1\nt\t0\t3\t1\n' >want
same out want "that were asked for"
must_fail 2 seg-diff t other <two
err_like '^seg-diff: other: no such table in either state$' "one that neither has"
empty out "nothing printed"
ok "the same state twice" seg-diff <<E2
$(cat first.plan)

$(cat first.plan)

E2
is "$(grep -c . out)" 4 "no difference"

# half an output changes nothing
for n in 100 200 400 $(($(size script) - 9)) $(($(size script) - 3)); do
	cp first.db copy.db
	head -c "$n" script | sqlite3 -bail copy.db >/dev/null 2>&1
	same_rows copy.db first.db 'SELECT id, hex(v), u FROM t' \
		"of the SQL $n bytes alone: nothing"
done

# --- changesets

must_fail 1 seg-diff --changeset <two
err_like '^seg-diff: k: not in a changeset: it has no PRIMARY KEY$' "no key"
err_like '^seg-diff: p: not in a changeset: rows with NULL in their key$' "NULL"
# Values of t that change places are a conflict where a changeset is applied.
sqlite3 shop.db 'UPDATE t SET u = -u - 5000; UPDATE t SET u = id; UPDATE t SET u = -u WHERE id IN (8, 9, 2000); DELETE FROM k;
	INSERT INTO t VALUES(3000, NULL, 9), (3001, x'\'00\'', 1e999)'
stored shop shop.db
cat first.plan shop.plan >three
ok "--changeset" seg-diff --changeset t w <three
cp out changeset
cp first.db copy.db
ok "applied" applychanges copy.db abort <changeset
empty out "without a conflict"
same_rows copy.db shop.db 'SELECT id, hex(v), u FROM t' "t is the second state's"
same_rows copy.db shop.db 'SELECT * FROM w' "and so is w"
ok "--changeset --undo" seg-diff --changeset --undo t w <three
cp out changeset
sqlite3 copy.db "UPDATE t SET v = 'went on' WHERE id IN (3, 500)"
ok "applied to a database that went on" applychanges copy.db omit <changeset
is "$(cat out)" "t data omit" "the conflict is told"
is "$(sqlite3 copy.db 'SELECT count(*), sum(u) FROM t')" "2000|2001000" \
	"the rest is undone"
must_fail 2 seg-diff --changeset --summary <two

# --- not two sets

for n in 1 3; do
	for _ in $(seq $n); do cat first.plan; done >sets
	must_fail 1 seg-diff <sets
	empty out "$n sets: nothing printed"
	err_like "^seg-diff: standard input: $n sets?, not two" "said"
done
{ cat first.plan; echo '!'; } >sets
must_fail 1 seg-diff <sets
empty out "a failed set: nothing printed"
{ echo; cat first.plan; } >sets
must_fail 1 seg-diff <sets
empty out "an empty set: nothing printed"
must_fail 3 sh -c 'seg-diff <two >/dev/full'

mkfifo quiet
exec 3<>quiet
must_fail 3 interrupted seg-diff <quiet
exec 3<&-
err_like '^seg-diff: interrupted$' "SIGINT is said"

# --- two namespaces, page sizes, encodings

sqlite3 wide.db "PRAGMA encoding = 'UTF-16be'; PRAGMA page_size = 1024;
	CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT);
	INSERT INTO t VALUES(1, 'a€'), (2, char(128512)), (3, 'b')"
sqlite3 plain.db "PRAGMA page_size = 512; CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT);
	INSERT INTO t VALUES(1, 'a€'), (2, 'other')"
stored wide wide.db
stored plain plain.db
{ grep . plain.plan; cat wide.plan plain.plan; } >mixed
must_fail 1 seg-diff <mixed
err_like '^seg-diff: two namespaces in one set: plain and wide$' "in one set: said"
empty out "nothing is printed"
cat plain.plan wide.plan >two
ok "two namespaces" seg-diff --summary <two
is "$(cat out)" "t	1	1	0" "are compared by rows"
ok "as SQL" seg-diff <two
cp out script
ok "for the first one" replayed plain.db script
same_rows plain.db wide.db 'SELECT * FROM t' "in its encoding"

# NULL is no value of any other, nor are those of two types the same.
sqlite3 types.db "CREATE TABLE t(id INTEGER PRIMARY KEY, v);
	INSERT INTO t VALUES(1, NULL), (2, 'x'), (3, 1), (4, 'b'), (5, x'')"
stored types types.db
image types.db first.db
mv types.plan first.plan
sqlite3 types.db "UPDATE t SET v = 'x' WHERE id = 1; UPDATE t SET v = NULL WHERE id = 2;
	UPDATE t SET v = '1' WHERE id = 3; UPDATE t SET v = x'62' WHERE id = 4;
	UPDATE t SET v = NULL WHERE id = 5"
stored types types.db
cat first.plan types.plan >two
ok "types" seg-diff <two
cp out script
ok "as SQL" replayed first.db script
same_rows first.db types.db 'SELECT id, typeof(v), quote(v) FROM t' "are the second state's"

# A column that goes takes values along.
sqlite3 column.db "CREATE TABLE t(id INTEGER PRIMARY KEY, v, w);
	INSERT INTO t VALUES(1, 1, NULL), (2, 1, 2)"
stored column column.db
mv column.plan first.plan
sqlite3 column.db "ALTER TABLE t DROP COLUMN w"
stored column column.db
cat first.plan column.plan >two
ok "a column less" seg-diff --summary <two
is "$(cat out)" "t	0	1	0" "counts the rows that lost a value"

# --- what is read

sqlite3 big.db >/dev/null <<'SQL'
CREATE TABLE t(id INTEGER PRIMARY KEY, v); CREATE INDEX t_v ON t(v);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
	INSERT INTO t SELECT i, hex(randomblob(200)) FROM n;
CREATE TABLE over(id INTEGER PRIMARY KEY, v);
INSERT INTO over VALUES(1, zeroblob(30000)), (2, zeroblob(30000));
SQL
stored big big.db
mv big.plan first.plan
sqlite3 big.db "UPDATE t SET v = 'x' WHERE id IN (5, 9000, 15000)"
stored big big.db
cat first.plan big.plan >two
# A shell's bytes read are those of its children that are gone too.
# shellcheck disable=SC2016
ok "a change" sh -c 'seg-diff --summary; sed -n "s/^rchar: //p" /proc/$$/io >read' <two
is "$(cat out)" "t	0	3	0" "is found"
[ -n "${SANITIZED:-}" ] || [ ! -s read ] || ok "$(cat read) of $(size big.db) bytes were read" \
	test "$(($(cat read) * 12))" -lt "$(size big.db)"
ok "with 16 pages in memory" seg-diff --cache 0 --summary <two
is "$(cat out)" "t	0	3	0" "the same"
mv big.plan first.plan
# An overflow page is written in place, its leaf stays as it is.
sqlite3 big.db "UPDATE over SET v = CAST(substr(v, 1, 29999) || 'x' AS BLOB) WHERE id = 2"
stored big big.db
cat first.plan big.plan >two
ok "a change behind a leaf that is the same" seg-diff -v --summary <two
is "$(cat out)" "over	0	1	0" "is found"

# --- damage

seg-fetch -d fetched <big.plan >files
object=store/v2/clusters/default/namespaces/big
segment=$(find "$object/segments" -type f | LC_ALL=C sort | head -n 1)
cp -p "$segment" whole
for at in 4000 8300 20600 100000; do
	cp -p whole "$segment"
	printf '\377\377\377\377\377\377\377\377' |
		dd of="$segment" bs=1 seek=$at conv=notrunc 2>/dev/null
	run seg-diff <two
	case $status in
	0) is "$(tail -n 1 out)" "COMMIT;" "damage at $at: not met" ;;
	1) ok "damage at $at: no COMMIT" test "$(tail -n 1 out)" != "COMMIT;" ;;
	*) fail "damage at $at: status $status" ;;
	esac
done
# A page that only the comparison of rows reads
make_db late.db 3000
stored late late.db
mv late.plan first.plan
sql late.db "UPDATE t SET v = 'x' WHERE id IN (5, 2900)"
stored late late.db
cat first.plan late.plan >late.two
page=$(seg-dump "$(sed -n '1s/	.*//p' cuts)" | awk '$1 == "frame" { n = $4 } END { print n }')
first=$(find store -name '*-00000000000000000001-*' -path '*/late/segments/*')
printf '\0\0\0\0\0\0\0\0' |
	dd of="$first" bs=1 seek=$((60 + (page - 1) * 4112)) conv=notrunc 2>/dev/null
must_fail 1 seg-diff <late.two
is "$(sed -n 3p out)" "BEGIN;" "page $page is damaged: found when it was begun"
is "$(grep -c COMMIT out)" 0 "and not ended"
rm "$segment"
must_fail 1 seg-diff <two
err_like "^seg-diff: .*not (in the store|there)|no such" "a segment that has gone"

# --- there and back: what one state says and the other does not show

# both_ways NAME SQL CHANGE QUERY: the SQL of seg-diff between the two states gives
# the other one, in what the query sees
both_ways() {
	sqlite3 "$1.db" "$2"
	stored "$1" "$1.db"
	image "$1.db" first.db
	mv "$1.plan" first.plan
	sqlite3 "$1.db" "$3"
	stored "$1" "$1.db"
	cat first.plan "$1.plan" >two
	ok "$1: seg-diff" seg-diff <two
	cp out script
	ok "$1: --undo" seg-diff --undo <two
	cp out undo
	cp first.db copy.db
	ok "$1: its SQL" replayed copy.db script
	same_rows copy.db "$1.db" "$4" "$1: gives the second state"
	ok "$1: the way back" replayed copy.db undo
	same_rows copy.db first.db "$4" "$1: gives the first"
}

# Of a key that tells values apart that the column's collation does not, no other
# row is met.
both_ways collated 'CREATE TABLE t(a COLLATE NOCASE, b, PRIMARY KEY(a COLLATE BINARY));
	CREATE TABLE w(a COLLATE RTRIM, b, PRIMARY KEY(a COLLATE BINARY)) WITHOUT ROWID;
	CREATE TABLE two(a COLLATE NOCASE, b, PRIMARY KEY(a, a COLLATE BINARY));
	INSERT INTO t VALUES('\''A'\'', 1), ('\''a'\'', 2), ('\''B'\'', 3), ('\''b'\'', 4);
	INSERT INTO w VALUES('\''a'\'', 1), ('\''a '\'', 2), ('\''b'\'', 3), ('\''b '\'', 4);
	INSERT INTO two SELECT * FROM t' \
	'UPDATE t SET b = 5 WHERE b = 1; DELETE FROM t WHERE b = 3;
	UPDATE w SET b = 5 WHERE b = 2; DELETE FROM w WHERE b = 4;
	UPDATE two SET b = 5 WHERE b = 1; DELETE FROM two WHERE b = 3' \
	"SELECT 't', * FROM t UNION ALL SELECT 'w', * FROM w UNION ALL
	SELECT 'two', * FROM two ORDER BY 1, 3"
must_fail 1 seg-diff --changeset <two
is "$(cut -d: -f 2- err | sort)" " t: not in a changeset: its key has another collation than its columns
 two: not in a changeset: its key has another collation than its columns
 w: not in a changeset: its key has another collation than its columns" \
	"a changeset, which is applied by the columns' collations: said"
empty out "none of it is printed"

# With a table or an index SQLite drops what ANALYZE knew of it.
both_ways analyzed 'CREATE TABLE t(a, b); CREATE INDEX i ON t(a); CREATE TABLE u(a UNIQUE);
	INSERT INTO t VALUES(1, 2), (1, 3); INSERT INTO u VALUES(7); ANALYZE' \
	'ALTER TABLE u ADD COLUMN b; CREATE INDEX j ON t(b); ANALYZE t; CREATE TABLE v(a UNIQUE);
	INSERT INTO v VALUES(1); ANALYZE v' \
	'SELECT * FROM sqlite_stat1 ORDER BY 1, 2'

# Text that begins with U+FEFF is no mark of order.
both_ways marked "PRAGMA encoding = 'UTF-16'; CREATE TABLE t(id INTEGER PRIMARY KEY, v);
	INSERT INTO t VALUES(1, char(65279) || 'a'), (2, char(65279))" \
	"UPDATE t SET v = char(65279) || 'b' WHERE id = 1; DELETE FROM t WHERE id = 2;
	INSERT INTO t VALUES(3, char(65279, 65279) || 'c')" \
	'SELECT id, hex(CAST(v AS BLOB)) FROM t'
ok "in a changeset" seg-diff --changeset <two
cp out changeset
cp first.db copy.db
ok "which can be applied" applychanges copy.db abort <changeset
same_rows copy.db marked.db 'SELECT id, hex(CAST(v AS BLOB)) FROM t' "neither"

# AUTOINCREMENT gives no number again, whichever rows there are.
both_ways numbered 'CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v);
	INSERT INTO t(v) VALUES(1), (2), (3); DELETE FROM t WHERE id = 3' \
	'CREATE TABLE u(id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO u VALUES(70);
	DELETE FROM u; INSERT INTO t VALUES(90, 1); DELETE FROM t WHERE id <> 1' \
	'SELECT * FROM sqlite_sequence ORDER BY 1'

# A virtual table asks what it shows for its columns.
both_ways shows 'CREATE TABLE z(a); INSERT INTO z VALUES('\''hello'\'')' \
	'CREATE TABLE c(a, b); INSERT INTO c SELECT a, 1 FROM z;
	CREATE VIEW v AS SELECT a FROM z; CREATE VIRTUAL TABLE f USING fts4(content="c");
	CREATE VIRTUAL TABLE g USING fts4(content="v"); INSERT INTO f(f) VALUES('\''rebuild'\'')' \
	'SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2'
is "$(sqlite3 shows.db 'SELECT count(*) FROM f WHERE a MATCH '\''hello'\' 2>&1) $(
	cp first.db copy.db; replayed copy.db script
	sqlite3 copy.db 'SELECT count(*) FROM f WHERE a MATCH '\''hello'\' 2>&1)" "1 1" \
	"shows: what is in it"

# --- a schema that says more than SQLite reads of it

# more NAME TYPE OF ROOT SQL: an object of that SQL is added; the script runs
# nothing of what stands behind its first statement
more() {
	sqlite3 "$1.db" 'CREATE TABLE t(a); INSERT INTO t VALUES(1)'
	stored "$1" "$1.db"
	cp "$1.db" copy.db
	mv "$1.plan" first.plan
	sqlite3 "$1.db" '.dbconfig defensive off' "INSERT INTO t VALUES(2);
		PRAGMA writable_schema = 1;
		INSERT INTO sqlite_schema VALUES('$2', 'x', '$3', $4, '$5')" >/dev/null
	stored "$1" "$1.db"
	cat first.plan "$1.plan" >two
	ok "$1: seg-diff" seg-diff <two
	cp out script
	ok "$1: its script runs" replayed copy.db script
	is "$(sqlite3 copy.db 'SELECT group_concat(a) FROM t')" 1,2 "$1: the rows"
	is "$(sqlite3 copy.db "SELECT count(*) FROM sqlite_schema WHERE name = 'x'")" 1 \
		"$1: the $2"
	absent ran
}
more view view x 0 'create view x as select ";" /* ; */ --;
;
.shell touch ran
'
more trigger trigger t 0 'create trigger x after insert on t begin select 1; end;
.shell touch ran
'
more named table x 2 'create table x(trigger, ";", [;;], `;;;`, "a""b;");
.shell touch ran
'
more comment view x 0 'create view x as select 1 /**/;
.shell touch ran
--*/'

# The shell, which reads lines, takes CR off their ends.
sqlite3 crlf.db 'CREATE TABLE t(a)'
stored crlf crlf.db
mv crlf.plan first.plan
python3 -c 'import sqlite3
sqlite3.connect("crlf.db").execute("CREATE TABLE u(a,\r\n b)")'
stored crlf crlf.db
cat first.plan crlf.plan >two
ok "CR LF in a definition" seg-diff <two
err_like '^seg-diff: u: CR LF in its definition' "is said"
no_leftovers .
done_testing
