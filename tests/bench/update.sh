# shellcheck shell=sh
# A copy of 1 GiB that is brought up by 0.1 % of its pages, on a file system with
# clones (XFS in a file, mounted: as root alone), beside making it anew from the
# same store: seg-restore alone, and the whole way from the list.  CPU and wall
# time, medians of five.
#
# The copy is one that lies there, as a standby does.  Where all of the old file
# is in the page cache, for somebody has read it, the kernel frees 1 GiB of pages
# when it is replaced, in whoever closes it last; a removal of it takes as long.
# That is shown apart, without a bound.

mounted() {
	truncate -s 6G image && mkfs.xfs -q -m reflink=1 image &&
		mkdir clones && mount -o loop image clones
}
if ! mounted >&2; then
	printf 'seg-restore -u on clones: no XFS can be mounted here\t-\t-\t-\t-\n'
	exit 0
fi
top=$PWD
trap 'cd "$top" && umount clones' EXIT
cd clones || exit

# took FILE CMD: a line more in FILE: its CPU and wall ms
took() {
	from=$(date +%s%N)
	rusage used sh -c "$2" >out || exit 1
	echo "$(cut -d' ' -f1 used) $((($(date +%s%N) - from) / 1000000))" >>"$1"
}
# line WHAT FILE COLUMN KIND BOUND: beside the same column of whole.FILE
line() {
	awk -v w="$1" -v k="$4" -v b="$5" \
		-v f="$(cut -d' ' -f"$3" "$2" | sort -n | sed -n 3p)" \
		-v c="$(cut -d' ' -f"$3" "whole.$2" | sort -n | sed -n 3p)" \
		'BEGIN { printf "%s\t%d ms %s\t%d ms (whole)\t%.3f\t%s\n",
			w, f, k, c, f / c, b }'
}

sqlite3 db <<'SQL' >/dev/null || exit 1
PRAGMA synchronous = off;
CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 262000)
	INSERT INTO t SELECT i, randomblob(3900) FROM n;
SQL
# uncached FILE: none of it in the page cache
uncached() {
	dd if="$1" iflag=nocache count=0 status=none
}

# round I PREFIX: the change I, brought to the copy
round() {
	sqlite3 db "UPDATE t SET v = randomblob(3900) WHERE id % 1000 = $1" ||
		exit 1
	seg-cut -d w shop db | seg-upload -m >out || exit 1
	rm -rf f
	took "$2list" 'seg-list shop | seg-plan -u copy.db | seg-fetch -d f >new'
	took "$2restore" 'seg-restore -u copy.db <new'
}
mkdir store
export SEG_STORE="$PWD/store"
seg-cut -d w shop db | seg-upload -m >out || exit 1
seg-list shop | seg-plan | seg-fetch -d f | seg-restore -u copy.db || exit 1
for i in 1 2 3 4 5; do
	uncached copy.db
	round "$i"
	rm -rf f r.db
	took whole.list 'seg-list shop | seg-plan | seg-fetch -d f >all'
	took whole.restore 'seg-restore r.db <all'
	cmp copy.db r.db || exit 1
	round "$((i + 5))" cached. # by cmp
done
for f in '' whole.; do
	paste -d' ' ${f}list ${f}restore | awk '{ print $1 + $3, $2 + $4 }' >${f}way
done
line 'seg-restore -u, 1 GiB, 0.1 % changed, clones' restore 1 CPU '< 0.05'
line 'seg-restore -u, 1 GiB, 0.1 % changed, clones' restore 2 wall '< 0.05'
line 'list to copy, brought up' way 1 CPU '< 0.05'
line 'list to copy, brought up' way 2 wall '< 0.05'
cp cached.restore in.memory
cp whole.restore whole.in.memory
line 'seg-restore -u, the old copy in the page cache' in.memory 1 CPU -
line 'seg-restore -u, the old copy in the page cache' in.memory 2 wall -
