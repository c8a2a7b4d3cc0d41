# shellcheck shell=sh
# What a backup and a restore of 1 GiB cost beside cp, a directory as the store,
# on the file system of the work directory: the first cut and its upload, with
# -m and without; list to database.  CPU time, medians of five.

# took FILE CMD: its CPU ms, a line more in FILE
took() {
	rusage used sh -c "$2" >out || exit 1
	cut -d' ' -f1 used >>"$1"
}
median() {
	sort -n "$1" | sed -n 3p
}
# line WHAT FILE BOUND
line() {
	awk -v w="$1" -v f="$(median "$2")" -v c="$(median cp.ms)" -v b="$3" \
		'BEGIN { printf "%s\t%.0f ms CPU\t%.0f ms (cp)\t%.2f\t%s\n",
			w, f, c, f / c, b }'
}

sqlite3 db <<'SQL' >/dev/null || exit 1
PRAGMA journal_mode = off;
PRAGMA synchronous = off;
CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 262000)
	INSERT INTO t SELECT i, randomblob(3900) FROM n;
SQL
for _ in 1 2 3 4 5; do
	rm -rf w s m r.db copy
	took cp.ms 'cp --reflink=never db copy'
	rm copy
	mkdir s m
	took cut.ms 'seg-cut -d w shop db >cut'
	took upload.ms 'seg-upload -s s <cut'
	took move.ms 'seg-upload -m -s m <cut'
	rm -r w m
	mkdir w
	took fetch.ms 'seg-list -s s shop | seg-plan | seg-fetch -s s -d w >paths'
	took restore.ms 'seg-restore r.db <paths'
done
for what in upload move; do
	paste cut.ms $what.ms | awk '{ print $1 + $2 }' >backup-$what.ms
done
paste fetch.ms restore.ms | awk '{ print $1 + $2 }' >all.ms
line 'seg-cut of 1 GiB, the first' cut.ms -
line 'seg-cut | seg-upload: 1 GiB' backup-upload.ms -
line 'seg-cut | seg-upload -m: 1 GiB' backup-move.ms 3
line 'seg-list | seg-plan | seg-fetch: 1 GiB' fetch.ms -
line 'seg-restore of it' restore.ms -
line 'list to database: 1 GiB' all.ms 3
