# shellcheck shell=sh
# Compressed objects of a database like real ones (80 MiB of orders: names and
# remarks of words, dates, amounts), in a directory: seg-upload -z against zstd
# of the same bytes, seg-fetch of them against zstd -d, CPU time, medians of
# five; both of zstd's write a file, as ours do.

took() { # FILE CMD...: CPU ms
	to=$1
	shift
	rusage used "$@" >out || exit 1
	cut -d' ' -f1 used >>"$to"
	cut -d' ' -f3 used >>"$to.rss"
}
median() {
	sort -n "$1" | sed -n 3p
}
row() { # WHAT OURS THEIRS NAME BOUND
	awk -v w="$1" -v a="$(median "$2")" -v b="$(median "$3")" -v n="$4" \
		-v bound="$5" 'BEGIN {
		printf "%s\t%.0f ms CPU\t%.0f ms (%s)\t%.2f\t%s\n", w, a, b, n,
			a / b, bound }'
}

sqlite3 orders.db >/dev/null <<'SQL' || exit 1
PRAGMA journal_mode = off;
PRAGMA synchronous = off;
CREATE TABLE words(k INTEGER PRIMARY KEY, w TEXT);
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1999)
INSERT INTO words
	SELECT i, substr(lower(hex(randomblob(8))), 1, 3 + abs(random()) % 9)
	FROM n;
CREATE TABLE orders(id INTEGER PRIMARY KEY, at TEXT, customer TEXT, remark TEXT,
	amount REAL, n INTEGER);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600000),
word(i, j, w) AS (
	SELECT n.i, j.value, (SELECT w FROM words
		WHERE k = (abs(random()) + n.i + j.value) % 2000)
	FROM n, json_each('[1,2,3,4,5,6,7,8,9]') AS j)
INSERT INTO orders
	SELECT i, datetime(1700000000 + i * 37, 'unixepoch'),
		group_concat(w, ' ') FILTER (WHERE j < 3),
		group_concat(w, ' ') FILTER (WHERE j > 2),
		abs(random()) % 1000000 / 100.0, abs(random()) % 50
	FROM word GROUP BY i;
CREATE INDEX orders_customer ON orders(customer);
SQL
seg-cut -d w orders orders.db >cuts || exit 1
seg=$(sed -n '1s/\t.*//p' cuts)
for level in 1 3; do
	for _ in 1 2 3 4 5; do
		rm -rf s z
		mkdir s
		took "zstd$level" zstd -q -$level -o z "$seg"
		took "up$level" seg-upload -s s -z$level <cuts
		cp out names
	done
	row "seg-upload -z$level: 80 MiB of a database" "up$level" "zstd$level" \
		"zstd -$level" 1.10
	awk -v level=$level -v a="$(sed -n '1s/.*\t//p' names)" -v b="$(stat -c %s "$seg")" 'BEGIN {
		printf "bytes of it\t%.1f MiB\t%.1f MiB\t%.2f\t%s\n",
			a / 1048576, b / 1048576, a / b, (level > 1 ? "0.50" : "-") }'
done
z=$(find s -name '*.zst')
for _ in 1 2 3 4 5; do
	rm -rf f back
	took fetch seg-fetch -s s -d f <names
	took unzstd zstd -q -d -o back "$z"
done
row "seg-fetch of it, verified and made durable" fetch unzstd "zstd -d" 1.20
sort -n up1.rss up3.rss fetch.rss | awk 'END {
	printf "peak memory of them\t%.1f MiB\t32 MiB\t%.2f\t< 1\n",
		$1 / 1024, $1 / 32768 }'

