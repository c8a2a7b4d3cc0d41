#!/bin/sh
# seg-query and segvfs.so on what is wrong: objects that are gone or lie, images
# that are no databases, or were made to do harm.  A status and a message that
# names it, and the namespaces beside it are asked.
. "$(dirname "$0")/lib.sh"

SEG_STORE=$T/store
export SEG_STORE
mkdir store
objects=store/v2/clusters/default/namespaces

stored() { # NAMESPACE DB
	seg-cut -d work "$1" "$2" >cuts && seg-upload <cuts >/dev/null
}
query() { # SQL NAMESPACE [OPTION...]
	seg-list "$2" | seg-plan >plan && query_sql=$1 && shift 2 &&
		seg-query "$@" "$query_sql" <plan
}
patch() { # FILE OFFSET HEX
	perl -e 'open(F, "+<", $ARGV[0]) or die; seek(F, $ARGV[1], 0);
		print F pack("H*", $ARGV[2])' "$@"
}

# --- objects: a history of four segments

make_db shop.db 1000
for i in 1 2 3 4; do
	sql shop.db "UPDATE t SET v = 'state $i' WHERE id
		BETWEEN $i * 200 AND $i * 200 + 9"
	stored shop shop.db
done
ok "a history" query 'SELECT count(*) FROM t WHERE v GLOB "state *"' shop
is "$(cat out) $(grep -c . plan)" "40 4" "of four segments"
second=$(cut -f 1 plan | sed -n 's,shop/,,; 2p')
mv "$objects/shop/segments/$second" segment
must_fail 1 query 'SELECT sum(length(v)) FROM t NOT INDEXED' shop
empty out "a segment in the middle is gone: no row"
err_like "/segments/$second: not in the store" "its object is named"
is "$(grep -c . err)" 1 "once"
run env LD_LIBRARY_PATH="$SEGTOOLS_BUILD/inst/lib" ${SANITIZED:+
	LD_PRELOAD="$(gcc -print-file-name=libasan.so)"
	ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0"} sqlite3 -bail ':memory:' \
	'.load segvfs' "ATTACH 'file:shop?vfs=seg' AS p" \
	'SELECT sum(length(v)) FROM p.t NOT INDEXED'
err_like 'disk I/O error' "SQLITE_IOERR through the VFS"
err_like "^segvfs: .*/segments/$second: not in the store" "the same name"
head -c 5000 segment >"$objects/shop/segments/$second"
must_fail 1 query 'SELECT sum(length(v)) FROM t NOT INDEXED' shop
err_like "/segments/$second: " "one that is too short is named"
cp segment "$objects/shop/segments/$second"
perl -e 'open(F, "+<", $ARGV[0]); for (my $i = 60; $i + 8 < -s F; $i += 4112) {
	seek(F, $i, 0); print F "\0\0\0\0" }' "$objects/shop/segments/$second"
must_fail 1 query 'SELECT sum(length(v)) FROM t NOT INDEXED' shop
err_like "/segments/$second: frame [0-9]+ of page [0-9]+: page number 0" \
	"a frame without a page is named"
cp segment "$objects/shop/segments/$second"

index=$objects/shop/indexes/$second
cp "$index" index
page=$(seg-dump "$index" | awk '$1 == "entry" { print $3; exit }')
last=$(seg-dump "$index" | awk '$1 == "entry" { n = $3 } END { print n }')
for lie in shift 'add 900' "drop $page" "move $last $((last + 1))"; do
	# shellcheck disable=SC2086
	reindex index "$index" $lie
	must_fail 1 query 'SELECT sum(length(v)) FROM t NOT INDEXED;
		PRAGMA integrity_check' shop
	err_like "$second: " "an index that lies ($lie): names what it is"
done
cp index "$index"
ok "and whole again" query 'SELECT count(*) FROM t WHERE v GLOB "state *"' shop

# --- images that are no databases

mkseg files garbage 1 20 5 20 1 20 >paths && seg-upload -e <paths >/dev/null
{ seg-list garbage | seg-plan && seg-list shop | seg-plan; } >two
for sql in 'SELECT count(*) FROM t' 'PRAGMA integrity_check'; do
	must_fail 1 seg-query --with-namespace "$sql" <two
	err_like '^seg-query: garbage: file is not a database' "pages as if encrypted"
	is "$(cut -f 1 out | sort -u)" shop "the other namespace is asked"
done

# page1 NAME OFFSET HEX: a namespace whose first page says something else
page1() {
	cp -r "$objects/shop" "$objects/$1"
	for f in "$objects/$1"/segments/*; do
		[ "$(od -An -tu4 -j60 -N4 "$f" | tr -d ' ')" = 1 ] &&
			patch "$f" $((60 + 16 + $2)) "$3"
	done
	run query 'SELECT sum(length(v)) FROM t; PRAGMA integrity_check' "$1"
	[ "$status" = 1 ] || [ "$status" = 0 ]
	is $? 0 "page 1 with $3 at $2: status $status"
}
page1 size512 16 0200
page1 size64k 16 0001
page1 more 28 7fffffff
page1 fewer 28 00000002
page1 version 18 0303
page1 reserved 20 ff
page1 freelist 32 0000000500000004
page1 vacuum 52 00000003
page1 utf16 56 00000002
page1 schema 44 00000009
page1 root 100 05
page1 cells 103 ffff

# Bytes by chance.
[ -z "${SOAK:-}" ] && images=12 || images=1000
i=0
while [ $i -lt "$images" ]; do
	i=$((i + 1))
	rm -rf "$objects/chance" && cp -r "$objects/shop" "$objects/chance"
	perl -e 'srand(shift); for my $f (@ARGV) { open(F, "+<", $f) or die;
		my $n = (-s F) / 4112; for (1 .. 20) {
		my $p = rand() < .3 ? int(rand(3)) : int(rand($n - 1));
		seek(F, 60 + $p * 4112 + 16 + int(rand(rand() < .5 ? 120 : 4096)), 0);
		print F chr(int(rand(256))) } }' $i "$objects"/chance/segments/*
	status=0
	{ seg-list chance | seg-plan && seg-list shop | seg-plan; } >two
	timeout 600 seg-query --with-namespace 'PRAGMA quick_check;
		SELECT count(*), sum(length(v)) FROM t; SELECT * FROM t ORDER BY v LIMIT 1;
		SELECT count(*) FROM t WHERE v GLOB "state *"' <two >out 2>err ||
		status=$?
	if [ "$status" -gt 1 ] || ! grep -q "^shop	40$" out; then
		fail "image $i: status $status"
		show_file err err
	fi
done
pass "$images images with damage: 0 or 1, and the next namespace is asked"

# --- images that want to do harm: each fails alone, or does nothing

# hostile NAME SCHEMA SQL PATTERN
hostile() {
	sqlite3 "$1.db" "$2" >/dev/null
	stored "$1" "$1.db"
	{ seg-list "$1" | seg-plan && seg-list shop | seg-plan; } >two
	must_fail 1 timeout 600 seg-query --with-namespace "$3" <two
	err_like "^seg-query: $1: $4" "$1: said"
	cat out err >out_err
	like out_err '^(shop	|seg-query: shop: )' "$1: the next is asked"
}
mine='SELECT count(*) FROM t'
hostile view "CREATE VIEW t AS SELECT load_extension('./x.so')" "$mine" ''
hostile trusted "CREATE VIRTUAL TABLE d USING fts5vocab('t', 'row');
	CREATE VIEW t AS SELECT fts3_tokenizer('simple')" "$mine" ''
hostile large 'CREATE VIEW t AS SELECT zeroblob(1000000000) AS v' \
	'SELECT length(CAST(v AS TEXT)) FROM t' 'string or blob too big'
hostile schema "CREATE TABLE t(v); PRAGMA writable_schema = 1;
	UPDATE sqlite_schema SET sql = 'CREATE TABLE t(v, v, v'" "$mine" \
	'(malformed|database disk image)'
hostile fts "CREATE VIRTUAL TABLE t USING fts5(v); INSERT INTO t VALUES('a b c');
	UPDATE t_data SET block = x'ffffffffffffffff'" \
	"SELECT count(*), (SELECT count(*) FROM t WHERE v MATCH 'a') FROM t" ''
hostile rtree "CREATE VIRTUAL TABLE t USING rtree(id, v, w); INSERT INTO t
	VALUES(1, 2, 3); UPDATE t_node SET data = x'00'" \
	'SELECT id FROM t WHERE v < 9 AND w > 0' ''
absent x.so
for sql in "SELECT writefile('made', 'x')" "SELECT readfile('shop.db')" \
	"CREATE VIRTUAL TABLE temp.z USING zipfile('z.zip')" \
	"SELECT edit('x')" "SELECT * FROM fsdir('.')" "PRAGMA mmap_size = 1000000" \
	"ATTACH 'made' AS m" "ATTACH 'file:made' AS m" "PRAGMA journal_mode = wal"; do
	run query "$sql" shop
	[ "$status" -le 2 ]
	is $? 0 "$sql: status $status"
done
absent made z.zip

# What is not hostile is read, though its modules have statements that write.
sqlite3 search.db "CREATE VIRTUAL TABLE f USING fts5(v); INSERT INTO f VALUES('a b c');
	CREATE VIRTUAL TABLE r USING rtree(id, v, w); INSERT INTO r VALUES(1, 2, 3);
	CREATE VIRTUAL TABLE g USING fts4(v); INSERT INTO g VALUES('x y')"
stored search search.db
for sql in "SELECT v FROM f WHERE f MATCH 'b'" 'SELECT id FROM r WHERE v < 9' \
	"SELECT v FROM g WHERE g MATCH 'x'" \
	"SELECT count(*) FROM pragma_table_info('r')" \
	'CREATE TEMP TABLE m(x); INSERT INTO m SELECT id FROM r; SELECT x FROM m'; do
	ok "$sql" query "$sql" search
	is "$(grep -c . out)" 1 "a row"
done
for sql in "INSERT INTO f(f) VALUES('rebuild')" 'DELETE FROM r' \
	'DELETE FROM r_node' "UPDATE g SET v = 'z'"; do
	must_fail 2 query "$sql" search
	empty out "$sql: refused"
done

# --- databases of every kind

for mode in truncate persist memory off; do
	rm -f x.db* && make_db x.db 100 4096 $mode && stored "j$mode" x.db
	ok "journal mode $mode" query "$mine; PRAGMA integrity_check" "j$mode"
	is "$(xargs <out)" "100 ok" "the rows"
done
for size in 512 1024 2048 4096 8192 16384 32768 65536; do
	mode=wal
	[ $((size % 1536)) = 512 ] && mode=delete
	rm -f x.db* && make_db x.db 200 $size $mode && stored "p$size" x.db
	ok "pages of $size bytes" query "$mine; PRAGMA integrity_check" "p$size"
	is "$(xargs <out)" "200 ok" "the rows"
done
for vacuum in full incremental; do
	rm -f x.db*
	sqlite3 x.db "PRAGMA auto_vacuum = $vacuum"
	sqlite3 x.db "PRAGMA auto_vacuum = $vacuum; VACUUM"
	make_db x.db 2000 && stored "v$vacuum" x.db
	sql x.db 'DELETE FROM t WHERE id > 100; PRAGMA incremental_vacuum' >/dev/null
	stored "v$vacuum" x.db
	ok "auto_vacuum $vacuum" query "$mine; PRAGMA integrity_check" "v$vacuum"
	is "$(xargs <out)" "100 ok" "shrunk: the rows"
	sql x.db 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
		WHERE i < 3000) INSERT INTO t SELECT i + 5000, i FROM n'
	stored "v$vacuum" x.db
	ok "grown again" query "$mine; PRAGMA integrity_check" "v$vacuum"
	is "$(xargs <out)" "3100 ok" "the rows"
done
done_testing
