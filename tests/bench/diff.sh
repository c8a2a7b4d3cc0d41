# shellcheck shell=sh
# What seg-diff of two states costs, 1000 changed rows apart in a database of 1
# GiB, beside restoring both and comparing them with SQLite (the least that sqldiff
# does): wall time, ours the best of three; and which part of the database it reads.

# best CMD: the least of three wall times in ms
best() {
	for _ in 1 2 3; do
		rusage used sh -c "$1" >/dev/null || exit 1
		cut -d' ' -f2 used
	done | sort -n | head -n 1
}

SEG_STORE=$PWD/store
export SEG_STORE
mkdir store
sqlite3 db <<'SQL' >/dev/null || exit 1
PRAGMA journal_mode = wal;
PRAGMA synchronous = off;
CREATE TABLE t(id INTEGER PRIMARY KEY, name, v BLOB);
CREATE INDEX t_name ON t(name);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1040000)
	INSERT INTO t SELECT i, printf('name %08d', i * 7919 % 1000003), randomblob(900)
	FROM n;
SQL
cut_db() {
	seg-cut -q -d work shop db >cuts && seg-upload -q <cuts >/dev/null &&
		seg-list shop >listing && seg-plan <listing
}
cut_db >first || exit 1
sqlite3 db "UPDATE t SET v = randomblob(900) WHERE id % 1040 = 7" || exit 1
cut_db >second || exit 1
cat first second >two

ours=$(best 'seg-diff <two')
rusage used sh -c "$(cat <<-SH
	seg-fetch -q -d fetched <first >paths && seg-restore -q a.db <paths &&
	seg-fetch -q -d fetched <second >paths && seg-restore -q b.db <paths &&
	sqlite3 a.db "ATTACH 'b.db' AS b; SELECT count(*) FROM t JOIN b.t AS u
		USING(id) WHERE t.name IS NOT u.name OR t.v IS NOT u.v"
SH
)" >/dev/null || exit 1
theirs=$(cut -d' ' -f2 used)
# What a shell's children have read is the shell's when they are gone.
# shellcheck disable=SC2016
read=$(sh -c 'seg-diff <two >/dev/null; sed -n "s/^rchar: //p" /proc/$$/io')
awk -v o="$ours" -v t="$theirs" -v r="$read" -v s="$(stat -c %s db)" 'BEGIN {
	printf "%s\t%.0f ms\t%.0f ms (restored, compared)\t1/%.0f\t1/20\n",
		"seg-diff: 1000 rows in 1 GiB", o, t, t / o
	printf "%s\t%.1f MB\t%.0f MB (database)\t%.3f\t0.05\n",
		"seg-diff: bytes read", r / 1e6, s / 1e6, r / s
}'
