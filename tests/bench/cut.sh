# shellcheck shell=sh
# seg-cut of a database of 1 GB: nothing changed, 100 pages changed and still in
# the log, 1 % changed after a restart of the log.
#
# CPU time is that of one run; wall time the median of five.

# cpu_ms CMD...: user and system time
cpu_ms() {
	rusage used "$@" >/dev/null || exit 1
	cut -d' ' -f1 used
}

now_ms() {
	date +%s%N | awk '{ printf "%.1f", $1 / 1000000 }'
}

wall_ms() {
	from=$(now_ms)
	"$@" >/dev/null || exit 1
	awk -v a="$from" -v b="$(now_ms)" 'BEGIN { printf "%.1f", b - a }'
}

line() {
	awk -v w="$1" -v f="$2" -v c="$3" -v b="$4" 'BEGIN {
		printf "%s\t%s ms\t%s\t%.2f\t%s\n", w, f, c " ms", f / c, b }'
}

sqlite3 db >/dev/null <<-SQL
	PRAGMA journal_mode = wal;
	PRAGMA synchronous = off;
	CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB);
	WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL
		SELECT i + 1 FROM n WHERE i < 250000)
	INSERT INTO t SELECT i, zeroblob(3900) || randomblob(8) FROM n;
	PRAGMA wal_checkpoint(TRUNCATE);
SQL
# A reader that stays open keeps the log.
mkfifo hold
sqlite3 db <hold >/dev/null &
holder=$!
exec 3>hold
echo 'SELECT count(*) FROM sqlite_schema;' >&3
trap 'kill $holder 2>/dev/null' EXIT

seg-cut -d work bench db >/dev/null || exit 1
line 'seg-cut: 1 GB, nothing changed' \
	"$(for _ in 1 2 3 4 5; do wall_ms seg-cut -d work bench db; echo; done |
		sort -n | sed -n 3p)" 20 '< 1'

times=
for i in 1 2 3 4 5; do
	sqlite3 db "PRAGMA synchronous = off;
		UPDATE t SET v = zeroblob(3900) || $i WHERE id % 2500 = 7"
	if [ $i = 5 ] && command -v strace >/dev/null; then
		strace -f -y -e trace=pread64 -o trace seg-cut -d work bench db >/dev/null
		awk '/\/db>/ { n += $NF } END { printf "seg-cut: read from the database\t%.3f MiB\t2 MiB\t%.3f\t< 1\n", n / 1048576, n / 2097152 }' trace
		continue
	fi
	times="$times $(wall_ms seg-cut -d work bench db)"
done
# shellcheck disable=SC2086
line 'seg-cut: 100 pages in the log' \
	"$(printf '%s\n' $times | sort -n | sed -n 2p)" 50 '< 1'

sqlite3 db 'PRAGMA synchronous = off; PRAGMA wal_checkpoint(RESTART);
	UPDATE t SET v = zeroblob(3900) || 77 WHERE id % 100 = 3;
	PRAGMA wal_checkpoint(PASSIVE)' >/dev/null
ours=$(cpu_ms seg-cut -d work bench db)
theirs=$(cpu_ms cat db)
line 'seg-cut: 1 % changed, log restarted (CPU; cat)' "$ours" "$theirs" '<= 2'
