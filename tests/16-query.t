#!/bin/sh
# seg-query: SQL on past states, where they lie, in a directory.
. "$(dirname "$0")/lib.sh"

SEG_STORE=$T/store
export SEG_STORE
mkdir store
objects=store/v2/clusters/default/namespaces

# stored NAMESPACE DB: cut and uploaded
stored() {
	seg-cut -d work "$1" "$2" >cuts && seg-upload <cuts >/dev/null
}

# plan_of NAMESPACE [OPTION...]: into the file plan
plan_of() {
	plan_ns=$1
	shift
	seg-list "$plan_ns" >listing && seg-plan "$@" <listing >plan
}

# query SQL [OPTION...]: on the file plan
query() {
	query_sql=$1
	shift
	seg-query "$@" "$query_sql" <plan
}

# --- rows

sqlite3 rows.db >/dev/null <<'SQL'
PRAGMA journal_mode = wal;
CREATE TABLE v(id INTEGER PRIMARY KEY, x);
INSERT INTO v VALUES(1, NULL), (2, 9223372036854775807), (3, -1.5), (4, 1e999),
	(5, 'a' || char(9) || 'b' || char(10) || 'c' || char(13) || 'd\e'),
	(6, x'00ff41'), (7, CAST(x'61ff62' AS TEXT)), (8, 'quo"te'), (9, 0.1),
	(10, 1e21), (11, '');
SQL
stored rows rows.db
plan_of rows
ok "rows" query 'SELECT id, x FROM v WHERE id <> 6 AND id <> 7 ORDER BY id'
cat >want <<'E2'
1	\N
2	9223372036854775807
3	-1.5
4	Inf
5	a\tb\nc\rd\\e
8	quo"te
9	0.1
10	1.0e+21
11	
E2
same out want "are lines, what would break them is escaped"
ok "a blob" query 'SELECT x FROM v WHERE id = 6'
printf '\000\377A\n' >want
same out want "as its bytes"
ok "-J" query 'SELECT id, x, id FROM v ORDER BY id' -J
cat >want <<'E2'
{"id":1,"x":null,"id:1":1}
{"id":2,"x":9223372036854775807,"id:1":2}
{"id":3,"x":-1.5,"id:1":3}
{"id":4,"x":null,"id:1":4}
{"id":5,"x":"a\u0009b\u000ac\u000dd\\e","id:1":5}
{"id":6,"x":{"base64":"AP9B"},"id:1":6}
{"id":7,"x":"a\ufffdb","id:1":7}
{"id":8,"x":"quo\"te","id:1":8}
{"id":9,"x":0.1,"id:1":9}
{"id":10,"x":1e+21,"id:1":10}
{"id":11,"x":"","id:1":11}
E2
same out want "objects, each name once"
ok "several statements" query \
	'SELECT 1 AS a, 2 AS a; SELECT id AS b FROM v WHERE id < 3; ' \
	--header --with-namespace
printf 'namespace\ta\ta:1\nrows\t1\t2\nnamespace\tb\nrows\t1\nrows\t2\n' >want
same out want "a header for each result, the namespace first"
ok "columns of one name" query 'SELECT 1 AS a, 2 AS a, 3 AS "a:1", 4 AS a, 5 AS "a:1",
	6 AS namespace, 7 AS "b:1", 8 AS b, 9 AS b' --header --with-namespace
is "$(head -n 1 out | tr '\t' ' ')" \
	"namespace a a:1 a:1:1 a:2 a:1:2 namespace:1 b:1 b b:2" "have a name each"
ok "2000 of them" query "SELECT $(yes 1 | head -n 2000 | paste -sd, -)" --header
is "$(head -n 1 out | tr '\t' '\n' | sort -u | wc -l)" 2000 "too"
ok "names as operands" seg-query 'SELECT count(*) FROM v' "$(sed -n '1s/\t.*//p' plan)"
is "$(cat out)" 11 "are a set"

# --- SQL that is wrong, or not allowed

for bad in 'SELEC 1' 'SELECT 1; SELECT FROM v' 'SELECT "' 'SELECT (1' \
	'ATTACH '\'':memory:'\'' AS m; CREATE TABLE m.a(b; SELECT 1'; do
	must_fail 2 seg-query "$bad" </dev/null
	empty out "$bad: nothing printed"
	err_like '^seg-query: SQL: ' "$bad: said, before anything is read"
done
: >rows # a file of the namespace's name
for bad in "INSERT INTO v VALUES(12, 1)" "DELETE FROM v" "CREATE TABLE w(a)" \
	"DROP TABLE v" "ATTACH 'other.db' AS o" "ATTACH '' AS o" \
	"ATTACH 'x' || 'y' AS o" VACUUM "VACUUM INTO 'copy.db'" \
	"SELECT load_extension('x')" "PRAGMA writable_schema = 1" \
	"PRAGMA trusted_schema = 1" "SELECT 1; PRAGMA user_version = 3" ANALYZE \
	"PRAGMA main.application_id(3)" "PRAGMA schema_version = 3" \
	"PRAGMA incremental_vacuum" "SELECT fts3_tokenizer('simple')" \
	"UPDATE main.v SET x = 1" "PRAGMA temp_store_directory = '/'"; do
	must_fail 2 query "$bad"
	empty out "$bad: nothing printed"
done
absent other.db copy.db
empty rows "nothing is written"
rm rows
ok "what is temporary may be written" query "ATTACH ':memory:' AS m;
	CREATE TABLE m.a AS SELECT id FROM v; DELETE FROM m.a WHERE id > 3;
	CREATE TEMP TABLE b(c); INSERT INTO b SELECT sum(id) FROM m.a;
	PRAGMA temp.user_version = 3; PRAGMA m.application_id = 4;
	SELECT c FROM b"
is "$(cat out)" 6 "and read"
ok "what the database says is" query 'PRAGMA user_version; PRAGMA main.application_id'
is "$(xargs <out)" "0 0" "read"
ok "the database checks" query 'PRAGMA integrity_check'
is "$(cat out)" ok "itself"

must_fail 2 query 'SELECT y FROM v'
err_like '^seg-query: rows: no such column: y$' "a column that is not there"
make_db shop.db 2000
stored shop shop.db
{ seg-list rows | seg-plan; seg-list shop | seg-plan; seg-list rows | seg-plan; } >three
must_fail 1 seg-query --with-namespace 'SELECT count(*) FROM v' <three
printf 'rows\t11\nrows\t11\n' >want
same out want "the other sets are asked"
err_like '^seg-query: shop: no such table: v$' "it is said of which"
{ cat plan; echo '!'; cat plan; } >failed
must_fail 1 seg-query 'SELECT count(*) FROM v' <failed
is "$(tr '\n' ' ' <out)" "11 11 " "a failed set between two"
must_fail 1 sh -c 'echo | seg-query "SELECT 1"'
err_like 'no state' "an empty set"
grep . three >mixed
must_fail 1 seg-query -e 'SELECT 1' <mixed
err_like 'two namespaces in one set: rows and shop' "two namespaces"
must_fail 3 sh -c 'seg-query "SELECT x FROM v" <plan >/dev/full'

# --- a stream of plans: many are opened at a time

mkdir many
sqlite3 many.db 'CREATE TABLE v(x); INSERT INTO v VALUES(1)'
for i in $(seq 10 49); do
	echo "n$i	many.db"
done >list
seg-cut -d work --list list >cuts && seg-upload <cuts >uploaded
grep . uploaded | sed 's/$/\n/' >names
rm -r "$objects/n21/segments" "$objects/n33/indexes"
for jobs in 1 16 64; do
	must_fail 1 seg-query -j "$jobs" --with-namespace 'SELECT x FROM v' <names
	is "$(tr '\n\t' ', ' <out)" "$(seq 10 49 | grep -v '21\|33' |
		sed 's/.*/n& 1/' | tr '\n' ',')" "$jobs at a time: in their order"
	is "$(grep -c . err) $(grep -c 'namespaces/n21/segments/.*: not in' err) $(
		grep -c 'namespaces/n33/indexes/.*: not in' err)" "2 1 1" \
		"two fail, alone, each is said once"
done
sed 5q names >short
must_fail 1 seg-query 'SELECT x FROM v' <short
is "$(xargs <out)" "1 1" "a stream that is cut short: those that ended are asked"
must_fail 3 sh -c 'seg-query "SELECT x FROM v" <names >/dev/full'
is "$(grep -c 'standard output' err)" 1 "no more than one failure of stdout"
# One is answered before the next is known.
mkfifo to from
timeout 600 seg-query --with-namespace 'SELECT x FROM v' <to >from &
exec 8>to 9<from
for i in 10 11; do
	sed -n "/^n$i/{p;n;p}" names >&8
	read -r row <&9
	is "$row" "n$i	1" "n$i is answered at once"
done
exec 8>&- 9<&-
wait $!
is "$?" 0 "and that was all"

# --- a hostile schema: that set fails, the others are asked

sqlite3 bad.db "CREATE TABLE v(x); INSERT INTO v VALUES(1);
	CREATE VIEW w AS SELECT load_extension('./x.so'); CREATE VIEW u AS
	SELECT zeroblob(1000000000) AS x"
sqlite3 fine.db 'CREATE TABLE w(x); INSERT INTO w VALUES(7); CREATE TABLE u(x)'
stored bad bad.db
stored fine fine.db
{ seg-list fine | seg-plan; seg-list bad | seg-plan; seg-list fine | seg-plan; } >three
must_fail 1 seg-query --with-namespace 'SELECT * FROM w' <three
is "$(xargs <out)" "fine 7 fine 7" "a view that loads an extension"
err_like '^seg-query: bad: ' "said"
must_fail 1 seg-query --with-namespace 'SELECT length(CAST(x AS TEXT)) FROM u' <three
err_like '^seg-query: bad: string or blob too big' "a view of a large value"

# --- it does not end

for sql in "SELECT i FROM n" "SELECT count(*) FROM n"; do
	must_fail 3 interrupted seg-query "WITH RECURSIVE
		n(i) AS (SELECT 1000000000 UNION ALL SELECT i + 1 FROM n) $sql" \
		"$(sed -n '1s/\t.*//p' plan)"
	is "$(tr -d '0-9' <out | tr -d '\n')$(tail -c 1 out | tr -d '\n')" "" \
		"whole rows"
	is "$(grep -vc '^[0-9]\{10\}$' out)" 0 "nothing else"
	err_like '^seg-query: interrupted$' "said"
done
# Nor does its reader read, as a pager does not.
mkfifo fifo
for row in 20 20000; do
	# shellcheck disable=SC2094
	sh -c 'exec 7<>fifo && echo there >reader && exec sleep 6000' &
	reader=$!
	await test -s reader
	must_fail 3 interrupted sh -c "exec seg-query \"WITH RECURSIVE
		n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
		SELECT printf('%0${row}d', i) FROM n\" \
		'$(sed -n '1s/\t.*//p' plan)' >fifo"
	err_like '^seg-query: interrupted$' "rows of $row bytes, nobody reads: said"
	ok "and it does not wait for that" kill -0 $reader
	exec 8<>fifo
	dd if=/proc/self/fd/8 iflag=nonblock bs=64k of=taken 2>/dev/null
	exec 8<&-
	[ $row = 20000 ] || is "$(grep -c . taken) $(grep -vc '^[0-9]\{20\}$' taken)" \
		"$(($(size taken) / 21)) 0" "whole rows of $row bytes"
	kill $reader
	rm reader
done

# --- every state, page for page

mkdir db states got
for round in 0 1 2 3; do
	history change db 24 $round >states/$round
	for i in $(seq 0 23); do
		stored "h$i" "db/h$i.db"
	done
	seg-list | seg-plan >plans.$round
done
for round in 0 1 2 3; do
	awk -v RS= '/^h[0-9]/ { print $0 "\n" }' plans.$round >p
	for cache in 0 67108864; do
		ok "round $round, $cache bytes of memory" \
			statecat store got $cache cache <p
		run history check got <states/$round
		is "$(cat out)" "$(wc -l <states/$round) the same" "as it was"
	done
done
seg-list | seg-plan -c all | seg-fetch -q -d fetched | seg-merge -q -d merged |
	seg-upload >/dev/null
seg-list | seg-plan | awk -v RS= '/^h[0-9]/ { print $0 "\n" }' >p
ok "merged" statecat store got 0 cache <p
run history check got <states/3
is "$(cat out)" "$(wc -l <states/3) the same" "as it was"
# Pages that no segment has are zeros.
mkseg holes holes 1 4 8 10 1 4 >paths
mkseg holes holes 5 7 9 10 7 3 >>paths
ok "pages that nobody has written" seg-upload -e <paths
seg-list holes | seg-plan >p
seg-fetch -q -d holes <p | seg-restore -q holes.db
ok "as a state" statecat store got 0 <p
same got/holes holes.db "is what a restore makes"
no_leftovers got

# --- page sizes, journal modes

for size in 512 1024 65536; do
	for mode in wal delete; do
		rm -f x.db*
		make_db x.db 300 $size $mode
		stored "x$size$mode" x.db
		sql x.db "UPDATE t SET v = 'later' WHERE id = 7"
		stored "x$size$mode" x.db
		plan_of "x$size$mode"
		ok "$size bytes, $mode" query \
			'SELECT count(*), min(v) FROM t; PRAGMA integrity_check;
			SELECT v FROM t WHERE id = 7'
		is "$(tr '\n' ' ' <out)" \
			"$(sql x.db "SELECT count(*) || char(9) || min(v) FROM t") ok later " \
			"the rows"
	done
done

# Compressed, all of them and some; with a listing that says so, and without.
for round in all some; do
	for f in "$objects"/h*/segments/*[!t]; do
		[ $round = some ] && case $f in *[02468]) continue ;; esac
		zseek <"$f" >"$f.zst" && rm "$f"
	done
	[ $round = all ] || continue
	seg-list | seg-plan | awk -v RS= '/^h[0-9]/ { print $0 "\n" }' >p
	for cache in 0 67108864; do
		rm -rf zcache
		ok "compressed, $cache bytes of memory" statecat store got $cache zcache <p
		run history check got <states/3
		is "$(cat out)" "$(wc -l <states/3) the same" "as it was"
	done
	for f in "$objects"/h*/segments/*.zst; do
		zseek -d <"$f" >"${f%.zst}" && rm "$f"
	done
done
seg-list | seg-plan | awk -v RS= '/^h[0-9]/ { print $0 "\n" }' >p
cut -f 1 p >names
for plan in p names; do
	ok "some of them" statecat store got 0 zcache <$plan
	run history check got <states/3
	is "$(cat out)" "$(wc -l <states/3) the same" "as it was"
	ok "integrity" seg-query 'PRAGMA quick_check' <$plan
	is "$(sort -u out)" ok "of all"
done

# --- the later layout

# img SET IMAGE: the state of a golden store is that image
img() {
	seg-list -s "$TOP/tests/data/segments/$1" -C c1 ns1 | seg-plan >p
	ok "$1" env SEG_CLUSTER=c1 statecat "$TOP/tests/data/segments/$1" got 0 <p
	same got/ns1 "$TOP/tests/data/segments/$2" "is $2"
}
img later_merged_1_4 restored_1_4.img
img merged_1_4 restored_1_4.img
img merged_1_5_trimmed restored_1_5_trimmed.img
seg-list -s "$TOP/tests/data/segments/later_merged_twice" -C c1 ns1 | seg-plan >p
must_fail 1 env SEG_CLUSTER=c1 statecat \
	"$TOP/tests/data/segments/later_merged_twice" got 0 <p
err_like 'segments/.*: frame [0-9]+ of page [0-9]+: it is another page' \
	"an index that names other frames"

# A segment in the middle has it: its header tells.
cp -r "$TOP/tests/data/segments/source" mixed.store
chmod -R u+w mixed.store
cp -r "$TOP/tests/data/segments/later_segment3/." mixed.store
seg-list -s mixed.store -C c1 ns1 | seg-plan -f 23 >p
for cache in 0 67108864; do
	ok "mixed, $cache bytes of memory" \
		env SEG_CLUSTER=c1 statecat mixed.store got $cache <p
	same got/ns1 "$TOP/tests/data/segments/restored_1_4.img" "the state"
done

# later OLD NEW: the segment in the later layout
later() {
	perl -MCompress::Zlib=crc32 -e 'local $/; open(F, $ARGV[0]); binmode F;
		my $o = <F>; my $n = unpack("V", substr($o, 10, 4));
		my $h = substr($o, 0, 10) . ("x" x 16) . substr($o, 30, 30);
		my $crc = crc32($h); print $h;
		for my $i (0 .. $n - 1) { my $f = substr($o, 60 + $i * 4112, 4112);
			my $head = pack("V", $i == $n - 1) . substr($f, 0, 4) .
				substr($f, 8, 8);
			$crc = crc32(substr($f, 16), crc32($head, $crc));
			print $head, pack("V", $crc), substr($f, 16) }' "$1" >"$2"
}

# The first frame that is asked for lies far behind the header of a segment that
# is not what the last one lets expect.
sqlite3 far.db "PRAGMA journal_mode = wal; CREATE TABLE filler(x);
	WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
	WHERE i < 100) INSERT INTO filler SELECT randomblob(4000) FROM n;
	CREATE TABLE far(x); INSERT INTO far VALUES('there');" >mode
stored far far.db
first=$(find "$objects/far/segments" -type f)
cp "$first" old
later old new
cp new "$first"
index=$(find "$objects/far/indexes" -type f)
sqlite3 far.db 'PRAGMA user_version = 1'
stored far far.db
plan_of far
is "$(grep -c . plan)" 2 "two segments"
ok "the other layout" query 'SELECT x FROM far'
is "$(cat out)" there "is seen"
zseek <new >"$first.zst" && rm "$first"
ok "compressed" query 'SELECT x FROM far'
is "$(cat out)" there "is seen"
rm "$first.zst"
cp "$index" whole
reindex whole "$index" drop 5
for layout in new old; do
	cp $layout "$first"
	must_fail 1 query 'SELECT x FROM far'
	err_like 'indexes/.*: wrong: it has not as many pages as the data' \
		"an index that lacks a page, of the $layout layout"
done
cp whole "$index"
printf x | dd of="$first" bs=1 seek=30 conv=notrunc 2>/dev/null
ok "its header is not needed" query 'SELECT x FROM far'
must_fail 1 query 'SELECT count(*) FROM filler'
err_like 'segments/.*: ' "or checked"

# The last one has the later layout, by which an earlier object would be longer
# than it is.
sqlite3 ends.db "PRAGMA journal_mode = wal; CREATE TABLE a(x); CREATE TABLE b(x);
	CREATE TABLE c(x); INSERT INTO c VALUES('at its end')" >mode
stored ends ends.db
sqlite3 ends.db "INSERT INTO a VALUES(1)"
stored ends ends.db
last=$(find "$objects/ends/segments" -type f | LC_ALL=C sort | head -n 1)
mv "$last" old && later old "$last"
plan_of ends
ok "the last one's layout is the later" query 'SELECT a.x, c.x FROM a, c'
is "$(cat out)" "1	at its end" "an earlier one ends where it does"
first=$(find "$objects/ends/segments" -type f | LC_ALL=C sort | tail -n 1)
zseek <"$first" >"$first.zst" && rm "$first"
ok "compressed" query 'SELECT a.x, c.x FROM a, c'
is "$(cat out)" "1	at its end" "likewise"

# An index in the middle that lacks a page: an older one's version is not taken.
sqlite3 lies.db "CREATE TABLE a(x); CREATE TABLE b(x);
	INSERT INTO a VALUES('old'); INSERT INTO b VALUES(1)"
stored lies lies.db
for change in "UPDATE a SET x = 'new'" "UPDATE b SET x = 2"; do
	sqlite3 lies.db "$change"
	stored lies lies.db
done
index=$(find "$objects/lies/indexes" -type f | LC_ALL=C sort | sed -n 2p)
plan_of lies
ok "three segments" query 'SELECT x FROM a'
is "$(cat out)" new "the second has the row"
cp "$index" whole
reindex whole "$index" drop 2
must_fail 1 query 'SELECT x FROM a'
err_like 'indexes/.*: wrong: it has not as many pages as the data' \
	"its index lacks that page"
cp whole "$index"

# --- the cache on disk

plan_of shop
ok "with a cache" query 'SELECT sum(length(v)) FROM t' --cache-dir cache.d
cp out want
is "$(find cache.d -type f -perm 600 | wc -l)" 2 "private files: index, frames"
file=$(find cache.d -type f -size +100k)
index=$(find cache.d -type f -size -100k)
mv "$objects/shop/indexes" "$objects/shop/was"
ok "without the store's index" query 'SELECT sum(length(v)) FROM t' --cache-dir cache.d
same out want "the cache's does"
mv "$objects/shop/was" "$objects/shop/indexes"
for damage in 'damage' ''; do
	cp "$index" index
	printf '%s' "$damage" | dd of="$index" bs=1 seek=60 conv=notrunc 2>/dev/null
	[ -n "$damage" ] || : >"$index"
	ok "a damaged index" query 'SELECT sum(length(v)) FROM t' --cache-dir cache.d
	same out want "is passed over"
	empty err "in silence"
	same "$index" index "and replaced"
done
mv "$index" elsewhere
ln -s "$T/elsewhere" "$index"
ok "a symbolic link" query 'SELECT sum(length(v)) FROM t' --cache-dir cache.d
same out want "for an index"
same elsewhere index "is neither followed nor written"
rm -f "$index"
mv "$objects/shop/segments" "$objects/shop/was"
must_fail 1 query 'SELECT sum(length(v)) FROM t' --cache-dir cache.d
mv "$objects/shop/was" "$objects/shop/segments"
perl -e 'open(F, "+<", $ARGV[0]); for (my $i = 100; $i < -s F; $i += 3000) {
	seek(F, $i, 0); print F "damage" }' "$file"
ok "a damaged cache" query 'SELECT sum(length(v)) FROM t' --cache-dir cache.d
same out want "is passed over"
ok "repaired" query 'SELECT sum(length(v)) FROM t' --cache-dir cache.d
same out want "by that"
mv "$file" elsewhere
ln -s "$T/elsewhere" "$file"
cp elsewhere before
ok "a symbolic link" query 'SELECT sum(length(v)) FROM t' --cache-dir cache.d
same out want "is not followed"
same elsewhere before "or written"
# Nor is what somebody planted there, of which nothing could be read.
for plant in 'ln -s' ln; do
	rm "$file"
	echo precious >victim
	$plant "$T/victim" "$file"
	ok "planted by $plant" query 'SELECT sum(length(v)) FROM t' --cache-dir cache.d
	same out want "is not read"
	is "$(cat victim)" precious "or written"
done
rm "$file"
ok "little disk" query 'SELECT sum(length(v)) FROM t' --cache-dir cache.d \
	--cache-disk 200000
same out want "is enough"
is "$(($(du -s --block-size=1 cache.d/* 2>/dev/null | awk '{ n += $1 } END { print n + 0 }') <= 200000))" \
	1 "no more is used"
must_fail 2 query 'SELECT 1' --cache-dir no/such

# --- what is damaged or gone

segment=$(find "$objects/shop/segments" -type f | tail -n 1)
index=$(find "$objects/shop/indexes" -type f | tail -n 1)
cp "$segment" segment && cp "$index" index
damaged() { # DESC PATTERN
	must_fail 1 query 'SELECT sum(length(v)) FROM t'
	err_like "$2" "$1: names the object"
	cp segment "$segment" && cp index "$index"
}
perl -e 'open(F, "+<", $ARGV[0]); for (my $i = 60; $i + 8 < -s F; $i += 4112) {
	seek(F, $i, 0); print F "damage" }' "$segment"
damaged "frames" "^seg-query: .*/segments/.*: frame [0-9]+ of page [0-9]+: "
rm "$segment"
damaged "no segment" "segments/.*: not in the store"
rm "$index"
damaged "no index" "indexes/.*: not in the store"
printf x | dd of="$index" bs=1 seek=40 conv=notrunc 2>/dev/null
damaged "an index" "indexes/"
reindex index "$index" drop 5
damaged "an index that lacks a page" "indexes/.*: wrong: it has not as many pages"
reindex index "$index" swap 4 5
damaged "an index that swaps pages" "indexes/.*: wrong: its positions are not"
reindex index "$index" move 5 999
damaged "an index of another page" "indexes/|segments/"
sql shop.db 'DELETE FROM t WHERE id > 5; VACUUM'
stored shop shop.db
sql shop.db "INSERT INTO t VALUES(3000, 'x')"
stored shop shop.db
seg-list shop | sed 2d >plan
must_fail 1 query 'SELECT 1'
err_like 'frames [0-9]+-[0-9]+ are missing between' "a hole is named"
seg-list shop | sed 1d >plan
must_fail 1 query 'SELECT 1'
err_like 'frames 1-[0-9]+ are missing' "so is one at the beginning"
done_testing
