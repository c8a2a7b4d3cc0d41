# shellcheck shell=sh
# seg-query on a radosgw of its own: a database of 1 GiB in eleven segments, one
# of its tables of 100 MiB.  A row by its key, cold: how many requests, how many
# bytes (a proxy counts them).  A scan of the table: wall time against rclone,
# which fetches an object of that size; CPU time against the same query on the
# local file, and 300 ms.  Medians of five, taken in turns.

# shellcheck source-path=SCRIPTDIR/..
. "$TOP/tests/bench-s3.sh"
SEG_STORE=s3://bench/s
export SEG_STORE

sqlite3 db >/dev/null <<-SQL
	PRAGMA journal_mode = wal;
	PRAGMA synchronous = off;
	CREATE TABLE scanned(id INTEGER PRIMARY KEY, v TEXT);
	WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL
		SELECT i + 1 FROM n WHERE i < 500000)
	INSERT INTO scanned SELECT i, hex(randomblob(100)) FROM n;
	CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB);
	WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL
		SELECT i + 1 FROM n WHERE i < 236000)
	INSERT INTO t SELECT i, zeroblob(3900) || randomblob(8) FROM n;
	PRAGMA wal_checkpoint(TRUNCATE);
SQL
for i in 0 1 2 3 4 5 6 7 8 9 10; do
	[ $i = 0 ] || sqlite3 db "UPDATE t SET v = zeroblob(3900) || $i
		WHERE id % 2360 = $i * 7"
	seg-cut -d work shop db >cuts && seg-upload -m <cuts >/dev/null || exit 1
done
seg-list shop | seg-plan >plan
segments=$(grep -c . plan)
# Its interior pages, and a leaf: counted by the pages of a search.
depth=$(sqlite3 db "SELECT max(length(path) - length(replace(path, '/', '')))
	FROM dbstat WHERE name = 't' AND pagetype = 'leaf'" 2>/dev/null)
[ -n "$depth" ] || depth=3

scan='SELECT sum(length(v)) FROM scanned'
bytes=$(sqlite3 db "SELECT count(*) * 4096 FROM dbstat WHERE name = 'scanned'" \
	2>/dev/null) || bytes=$((100 << 20))
head -c "$bytes" /dev/urandom >object
rclone --s3-no-check-bucket copy object r:bench/o || exit 1
for _ in 1 2 3 4 5; do
	rm -rf got
	took rclone rclone copy r:bench/o got
	took query seg-query "$scan" <plan
	took local sqlite3 db "$scan"
done
awk -v a="$(median query.wall)" -v b="$(median rclone.wall)" \
	-v m="$((bytes >> 20))" 'BEGIN {
	printf "seg-query: a scan of %d MiB\t%.0f ms\t%.0f ms (rclone)\t%.2f\t< 1.5\n",
		m, a, b, a / b }'
awk -v a="$(median query.cpu)" -v b="$(median local.cpu)" 'BEGIN {
	printf "the same, CPU less 300 ms\t%.0f ms\t%.0f ms (local file)\t%.2f\t< 1.3\n",
		a - 300, b, (a - 300) / b }'
sort -n query.rss | tail -n 1 | awk '{
	printf "peak memory of it\t%.1f MiB\t128 MiB (64 and the cache)\t%.2f\t< 1\n",
		$1 / 1024, $1 / 131072 }'

s3_proxy
log_clear
seg-query 'SELECT length(v) FROM t WHERE id = 123456' <plan >out || exit 1
awk -v s="$segments" -v d="$depth" '{ r++; n += $6 } END {
	printf "seg-query: a row in 1 GiB\t%d requests\t%d + %d + 2\t%.2f\t<= 1\n",
		r, s, d, r / (s + d + 2)
	printf "the same, moved\t%.0f KiB\t1024 KiB\t%.2f\t< 1\n", n / 1024,
		n / 1048576 }' log
cat log >&2
