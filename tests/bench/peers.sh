# shellcheck shell=sh
# The same database (256 MiB of orders) kept by segtools, plainly and with -z, by
# restic (of a .backup, which it needs while others write), by Litestream and by
# sqlite3 .backup alone, each in a directory: a first backup, ten rounds in each of
# which 0.1 % of the pages have changed, what is stored then for eleven states, and
# the newest one restored.  CPU time, beside .backup's and cp's: medians of three,
# for the rounds of ten.  Who is not installed is left out.  PEERS_ROWS=2200000

rows=${PEERS_ROWS:-2200000}
RESTIC_PASSWORD=bench RESTIC_CACHE_DIR=$PWD/restic.cache
export RESTIC_PASSWORD RESTIC_CACHE_DIR

# --- how each of them does it: first (from nothing), next, restored (as r.db)
first_segtools() {
	rm -rf segtools.w segtools && mkdir segtools && next_segtools
}
next_segtools() {
	seg-cut -d segtools.w shop a.db | seg-upload -m -s segtools
}
restored_segtools() {
	seg-list -s segtools shop | seg-plan | seg-fetch -s segtools -d get |
		seg-restore r.db
}
first_segtools_z() {
	rm -rf segtools_z.w segtools_z && mkdir segtools_z && next_segtools_z
}
next_segtools_z() {
	seg-cut -d segtools_z.w shop a.db | seg-upload -z -m -s segtools_z
}
restored_segtools_z() {
	seg-list -s segtools_z shop | seg-plan | seg-fetch -s segtools_z -d get |
		seg-restore r.db
}
first_restic() {
	rm -rf restic restic.cache && restic -q -r restic init && next_restic
}
next_restic() {
	sqlite3 a.db '.backup copy.db' && restic -q -r restic backup copy.db
}
restored_restic() {
	restic -q -r restic restore latest --target get && mv get/copy.db r.db
}
first_litestream() {
	rm -rf litestream .b.db-litestream && next_litestream
}
next_litestream() {
	litestream replicate -once b.db "file://$PWD/litestream"
}
restored_litestream() {
	litestream restore -o r.db "file://$PWD/litestream"
}
first_backup() {
	rm -rf backup && mkdir backup && next_backup
}
next_backup() {
	sqlite3 a.db '.backup backup/newest.db'
}
restored_backup() {
	cp --reflink=never backup/newest.db r.db
}
# "sh peers.sh WHAT" is what rusage is shown.
case ${1:-} in
first_* | next_* | restored_*)
	"$1"
	exit
	;;
esac

peers="segtools segtools_z"
for p in restic litestream; do
	if command -v $p >/dev/null; then
		peers="$peers $p"
	else
		echo "$p is not installed" >&2
	fi
done

# took WHAT: its CPU ms, a line more in WHAT.ms
took() {
	rusage used sh "$TOP/tests/bench/peers.sh" "$1" >/dev/null 2>said || {
		cat said >&2
		exit 1
	}
	cut -d' ' -f1 used >>"$1.ms"
}
# of FILE: its median
of() {
	sort -n "$1" | awk '{ v[NR] = $1 }
		END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

# --- the database, a copy of it that Litestream may write to, both in use
awk -v rows="$rows" 'BEGIN {
	srand(7)
	for (i = 0; i < 2000; i++)
		for (n = 3 + int(rand() * 9); n > 0; n--)
			word[i] = word[i] sprintf("%c", 97 + int(rand() * 26))
	for (i = 1; i <= rows; i++) {
		printf "%d\t%d\t%s", i, 1700000000 + i * 37, word[int(rand() * 2000)]
		printf " %s\t%s", word[int(rand() * 2000)], word[int(rand() * 2000)]
		for (n = 0; n < 6; n++)
			printf " %s", word[int(rand() * 2000)]
		printf "\t%.2f\t%d\n", rand() * 10000, rand() * 50
	} }' >orders
sqlite3 a.db >/dev/null <<'SQL' || exit 1
PRAGMA journal_mode = wal;
PRAGMA synchronous = off;
CREATE TABLE orders(id INTEGER PRIMARY KEY, at INTEGER, customer TEXT, remark TEXT,
	amount REAL, n INTEGER);
.mode tabs
.import orders orders
CREATE INDEX orders_customer ON orders(customer);
PRAGMA wal_checkpoint(TRUNCATE);
SQL
rm orders
cp a.db b.db
for db in a b; do
	mkfifo $db.in
	sqlite3 $db.db <$db.in >/dev/null &
	users="${users:-} $!"
done
exec 3>a.in 4>b.in
# shellcheck disable=SC2064
trap "kill $users 2>/dev/null" EXIT
pages=$(($(stat -c %s a.db) / 4096))

# changed ROUND: one row in each of 0.1 % of the pages, at random
changed() {
	for db in a b; do
		awk -v seed="$1" -v rows="$rows" -v n=$((pages / 1000)) -v db=$db 'BEGIN {
			srand(seed)
			print "PRAGMA synchronous = off;\nBEGIN;"
			for (; n > 0; n--)
				printf "UPDATE orders SET amount = %d, n = n + 1 WHERE id = %d;\n",
					rand() * 10000, 1 + int(rand() * rows)
			print "COMMIT;\n.shell touch " db ".changed" }' >changes
		if [ $db = a ]; then cat changes >&3; else cat changes >&4; fi
		until [ -f $db.changed ]; do
			sleep 0.01
		done
		rm $db.changed
	done
}

changed 0
for p in $peers backup; do
	for _ in 1 2 3; do
		took "first_$p"
	done
done
for round in 1 2 3 4 5 6 7 8 9 10; do
	changed $round
	for p in $peers backup; do
		took "next_$p"
	done
done
state() {
	sqlite3 "$1" 'SELECT count(*), sum(id * n), total(amount) FROM orders'
}
state a.db >wanted
for p in $peers backup; do
	for _ in 1 2 3; do
		rm -rf get r.db*
		took "restored_$p"
		state r.db | cmp - wanted >&2 || exit 1
	done
	du -sb "$p" | cut -f 1 >"$p.bytes"
done

# --- in words
bytes=$(stat -c %s a.db)
awk -v n="$(cat backup.bytes)" 'BEGIN { print 11 * n }' >eleven
mv eleven backup.bytes
ms() { # WHAT COMPARED-WITH
	for p in $peers; do
		awk -v w="$1: $p" -v f="$(of "$2_$p.ms")" -v c="$(of "$2_backup.ms")" \
			-v n="$3" 'BEGIN { sub(/_/, " -", w)
			printf "%s\t%.0f ms CPU\t%.0f ms (%s)\t%.2f\t-\n", w, f, c, n,
				f / c }'
	done
}
ms "first backup of $((bytes >> 20)) MiB" first .backup
ms 'a round, 0.1 % changed' next .backup
for p in $peers backup; do
	awk -v p="$p" -v f="$(cat "$p.bytes")" -v c="$bytes" 'BEGIN { sub(/_/, " -", p)
		printf "bytes stored, eleven states: %s\t%.0f MiB\t%.0f MiB (the database)\t%.2f\t-\n",
			p, f / 1048576, c / 1048576, f / c }'
done
ms 'restore of the newest state' restored cp
