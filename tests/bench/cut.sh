# shellcheck shell=sh
# seg-cut of a database of 1 GB: nothing changed, 100 pages changed and still in
# the log, 1 % changed after a restart of the log of which nothing is left; then
# rounds of 0.1 % of the rows at random, ten at a time, by a program that keeps
# the database open, so that SQLite restarts the log every few rounds.
#
# CPU time is that of one run; wall time the median of five.  litestream: found
# on the PATH, its replica is a directory.

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

# A file that was written in the last two seconds is read: its stamp may hide more.
sleep 3
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

# ---- rounds

echo 'PRAGMA synchronous = off;' >&3

# change ROUND: returns when all is committed
change() {
	awk -v seed="$1" 'BEGIN {
		srand(seed)
		for (i = 0; i < 250; i++) {
			if (i % 10 == 0)
				print "BEGIN;"
			printf "UPDATE t SET v = zeroblob(3900) || %d WHERE id = %d;\n",
				rand() * 1e8, 1 + int(rand() * 250000)
			if (i % 10 == 9)
				print "COMMIT;"
		}
		print ".shell touch changed" }' >&3
	while [ ! -f changed ]; do
		sleep 0.01
	done
	rm changed
}

change 0
seg-cut -d work bench db >/dev/null
round=1 restarted=
while [ -z "$restarted" ] && [ $round -lt 20 ]; do
	change $round
	rusage used strace -y -e trace=pread64 -o trace \
		seg-cut -v -d work bench db >records 2>said
	grep -q 'restarted log' said && restarted=yes
	round=$((round + 1))
done
awk '/\/db>/ { n += $NF } END { printf "seg-cut: 0.1 %% changed, log restarted: read from the database\t%.3f MiB\t1029 MiB\t%.5f\t< 0.05\n", n / 1048576, n / 1048576 / 1029 }' trace

# The CPU time of such a cut, and that of reading the pages that it has.
restarted=
while [ -z "$restarted" ] && [ $round -lt 40 ]; do
	change $round
	ours=$(rusage used seg-cut -v -d work bench db >records 2>said &&
		cut -d' ' -f1 used)
	grep -q 'restarted log' said && restarted=yes
	round=$((round + 1))
done
seg-dump "$(head -n 1 records | cut -f 1)" | awk '$1 == "frame" { print $4 }' >pages
theirs=$(rusage used readpages db 4096 <pages && cut -d' ' -f1 used)
line 'seg-cut: 0.1 % changed, log restarted (CPU; 1.5 x reading the pages + 10 ms)' \
	"$ours" "$(awk -v t="$theirs" 'BEGIN { print 1.5 * t + 10 }')" '<= 1'

# ten NAME CMD...: ten rounds, wall and CPU time of CMD into $wall and $cpu
ten() {
	: >sums
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		change $round
		round=$((round + 1))
		rusage used "$@" >/dev/null 2>>said || exit 1
		cat used >>sums
	done
	cpu=$(awk '{ n += $1 } END { print n }' sums)
	wall=$(awk '{ n += $2 } END { print n }' sums)
}

mkdir store
seg-cut -s store -d work bench db | seg-upload -F -s store -m >/dev/null
ten sh -c 'seg-cut -s store -d work bench db | seg-upload -s store -m'
if command -v litestream >/dev/null; then
	our_wall=$wall our_cpu=$cpu
	litestream replicate -once db "file://$PWD/replica" >/dev/null 2>>said ||
		exit 1
	ten litestream replicate -once db "file://$PWD/replica"
	line 'ten rounds of 0.1 %, cut and upload (wall; litestream)' \
		"$our_wall" "$wall" '< 0.33'
	line 'ten rounds of 0.1 %, cut and upload (CPU; litestream)' \
		"$our_cpu" "$cpu" '< 0.33'
else
	printf 'ten rounds of 0.1 %%, cut and upload (wall)\t%s ms\t-\t-\t-\n' "$wall"
	printf 'ten rounds of 0.1 %%, cut and upload (CPU)\t%s ms\t-\t-\t-\n' "$cpu"
fi
