#!/bin/sh
# seg-query on an S3 service: how many requests, how many bytes.
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR
. "$TOP/tests/s3.sh"

s3_start
s3_mb bkt
s3_proxy
SEG_STORE=s3://bkt/pre
export SEG_STORE

# A table and, behind it, its index, 14 MiB in three segments.
make_db shop.db 1
sql shop.db 'DROP INDEX t_v; WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL
	SELECT i + 1 FROM n WHERE i < 30000)
	INSERT INTO t SELECT i, hex(randomblob(100)) FROM n;
	CREATE INDEX t_v ON t(v)'
stored() {
	seg-cut -d work shop shop.db >cuts && seg-upload <cuts >/dev/null
}
stored
for i in 1 2; do
	sql shop.db "UPDATE t SET v = 'round $i' WHERE id % 5000 = $i"
	stored
done
seg-list shop | seg-plan >plan
is "$(grep -c . plan)" 3 "three segments"

# received: bytes of bodies, since log_clear
received() {
	awk '{ n += $6 } END { print n + 0 }' log
}

log_clear
ok "a point query" seg-query 'SELECT v FROM t WHERE id = 15002' <plan
is "$(cat out)" "round 2" "the row"
is "$(requests GETINDEX)" 3 "each index once"
note "$(requests GETDATA) GETs of data, $(received) bytes in all"
is "$(($(requests GETDATA) <= 2 + 3)) $(($(received) < 1048576))" "1 1" \
	"the newest header, page 1, one for each level; below 1 MiB"

log_clear
ok "a scan" seg-query 'SELECT sum(length(v)) FROM t NOT INDEXED' <plan
is "$(cat out)" "$(sql shop.db 'SELECT sum(length(v)) FROM t')" "the sum"
note "$(requests GETDATA) GETs of data, $(received) bytes in all"
is "$(($(requests GETDATA) < 60))" 1 "takes few requests"
is "$(($(received) < $(sql shop.db "PRAGMA page_count") * 4096 * 7 / 10))" 1 "and not the index of the table"

log_clear
ok "a cache on disk" seg-query --cache-dir cache 'SELECT v FROM t WHERE id = 15002' <plan
log_clear
ok "the same again" seg-query --cache-dir cache 'SELECT v FROM t WHERE id = 15002' <plan
is "$(cat out)" "round 2" "the row"
is "$(requests GETDATA) $(requests GETINDEX)" "1 0" "the newest header alone"

: >plans
for i in $(seq 10 49); do
	echo "n$i	small.db"
done >list
sqlite3 small.db 'CREATE TABLE t(x); INSERT INTO t VALUES(1); CREATE TABLE f(x);
	WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8)
	INSERT INTO f SELECT randomblob(3500) FROM n'
seg-cut -d work --list list >cuts && seg-upload <cuts | grep . |
	sed 's/$/\n/' >plans
log_clear
ok "40 namespaces" seg-query --with-namespace 'SELECT x FROM t' <plans
is "$(tr '\n\t' ', ' <out)" "$(seq 10 49 | sed 's/.*/n& 1/' | tr '\n' ',')" \
	"in their order"
is "$(requests GETINDEX) $(requests GETDATA)" "40 80" \
	"an index, a header, the pages"
# Of those that wait for an answer each is in the log.
log_clear
echo 'GETINDEX stall -' >rules
seg-query 'SELECT x FROM t' <plans >/dev/null 2>&1 &
more_than_8() {
	[ "$(grep -o 'namespaces/n[0-9]*' log | sort -u | wc -l)" -gt 8 ]
}
ok "many at a time" await more_than_8
kill $!
wait $! 2>/dev/null
echo 'GETDATA stall 30+-' >rules
must_fail 3 interrupted seg-query --with-namespace 'SELECT x FROM t' <plans
is "$(grep -vc '^n[1-4][0-9]	1$' out)" 0 "interrupted: whole rows"
err_like '^seg-query: interrupted' "said"
: >rules

# Compressed, where the records, or our own listing, tell: neither looked for as
# plain, nor asked for their size.
stored_compressed() {
	seg-list shop | seg-fetch -d work2 >files &&
		seg-upload -z -s s3://bkt/zst <files >/dev/null
}
ok "compressed" stored_compressed
seg-list -s s3://bkt/zst shop | seg-plan >zplan
log_clear
ok "a point query" seg-query -s s3://bkt/zst 'SELECT v FROM t WHERE id = 15002' <zplan
is "$(cat out)" "round 2" "the row"
is "$(requests HEADDATA) $(grep -c '^GETDATA .* 404' log)" "0 0" "by seg-query"
by_query=$(requests GETDATA)
LD_LIBRARY_PATH=$SEGTOOLS_BUILD/inst/lib
export LD_LIBRARY_PATH
past() { # SQL
	if [ -n "${SANITIZED:-}" ]; then
		set -- "$1" env "LD_PRELOAD=$(gcc -print-file-name=libasan.so)" \
			"ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0"
	fi
	past_sql=$1
	shift
	"$@" sqlite3 -bail ':memory:' '.load segvfs' \
		"ATTACH 'file:shop?vfs=seg&store=s3://bkt/zst' AS p" "$past_sql"
}
log_clear
ok "the same by the extension" past 'SELECT v FROM t WHERE id = 15002'
is "$(cat out)" "round 2" "the row"
is "$(requests HEADDATA) $(grep -c '^GETDATA .* 404' log)" "0 0" "nor by it"
[ "$(requests GETDATA)" -le $((by_query + 2)) ]
is $? 0 "$(requests GETDATA) requests for data; by seg-query $by_query"
unset LD_LIBRARY_PATH

ok "integrity" seg-query 'PRAGMA integrity_check' <plan
is "$(cat out)" ok "of all pages"
echo 'GETDATA 503 3' >rules
ok "an upset service" seg-query 'SELECT v FROM t WHERE id = 15002' <plan
is "$(cat out)" "round 2" "the row"
echo 'GETDATA 503 -' >rules
must_fail 3 seg-query --retry-for 1 'SELECT v FROM t WHERE id = 15002' <plan
empty out "no row"
echo 'GETDATA stall -' >rules
must_fail 3 interrupted seg-query 'SELECT count(*) FROM t' <plan
err_like '^seg-query: interrupted' "it ends while it waits"
: >rules
done_testing
