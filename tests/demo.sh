#!/bin/sh
# make demo: a real database, cut while another process writes to it, uploaded
# to a directory store, compacted, and restored to now and to an earlier moment;
# each restored database is compared with the truth.

set -u
SEGTOOLS_BUILD=${SEGTOOLS_BUILD:-build}
PATH=$SEGTOOLS_BUILD/inst/bin:$PATH
D=$(mktemp -d "${TMPDIR:-/tmp}/segtools-demo.XXXXXX") || exit 1
writer=
trap '[ -z "$writer" ] || kill "$writer" 2>/dev/null; rm -rf "$D"' EXIT
trap 'exit 1' HUP INT TERM
cd "$D" || exit 1
for name in $(env | sed -n 's/^\(SEG_[A-Z_]*\)=.*/\1/p'); do
	unset "$name"
done
SEG_STORE=$D/store
export SEG_STORE

say() {
	printf '\n\033[1m%s\033[0m\n' "$*" | if [ -t 1 ]; then cat; else
		sed 's/\x1b\[[01]m//g'
	fi
}

# Columns for the eye; keys, which repeat START, END and TIME, cut short.
columns() {
	sed 's/-[0-9]\{20\}-[0-9]\{20\}/-.../' "$1" | sed 's/^/    /'
}

# show PIPELINE: says it, runs it, and stops the demo if it fails
show() {
	printf '$ %s\n' "$1"
	sh -c "$1" >"$D/out" 2>&1 || {
		cat "$D/out"
		echo "demo: this should not have failed" >&2
		exit 1
	}
	columns "$D/out"
}

sum() {
	sqlite3 "$1" 'PRAGMA integrity_check; SELECT count(*), sum(amount) FROM sales'
}

say "A shop's database, in WAL mode"
sqlite3 shop.db "PRAGMA journal_mode=wal;
	CREATE TABLE sales(id INTEGER PRIMARY KEY, at TEXT, item TEXT, amount INT);
	CREATE INDEX sales_at ON sales(at);
	WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 50000)
	INSERT INTO sales SELECT i, datetime(1700000000 + i * 60, 'unixepoch'),
		hex(randomblob(20)), abs(random() % 10000) FROM n;" >/dev/null
echo "    shop.db, $(stat -c %s shop.db) bytes, 50000 sales"

say "Make the store: a set of no segments is enough"
show 'echo | seg-upload --create'

say "Back it up: the first cut is the whole database"
show 'seg-cut -d work shop shop.db | seg-upload -m'

say "Another process sells without a pause; each cut takes what has changed"
(
	i=0
	while [ $i -lt 100000 ] && [ ! -e stop ]; do
		i=$((i + 1))
		[ $((i % 20)) != 0 ] || sleep 0.02
		echo "BEGIN IMMEDIATE; INSERT INTO sales(at, item, amount)
			SELECT datetime('now'), hex(randomblob(20)), abs(random() % 10000)
			FROM sales LIMIT 20;
			UPDATE sales SET amount = amount + 1 WHERE id = $i; COMMIT;"
	done | sqlite3 -cmd '.timeout 10000' shop.db
) &
writer=$!
for i in 1 2 3 4 5 6; do
	sleep 0.3
	show 'seg-cut -d work shop shop.db | seg-upload -m'
done

say "The truth at this moment is put aside, to compare with: the writer pauses"
touch stop
wait $writer
writer=
show 'seg-cut -d work shop shop.db | seg-upload -m'
sqlite3 shop.db ".backup truth-then.db"
then=$(seg-list shop | sed '$d' | tail -n 1 | cut -f 4)
echo "    $then: $(sum truth-then.db | tr '\n' ' ')"
sleep 0.1

say "Somebody makes a mistake"
echo '$ sqlite3 shop.db "DELETE FROM sales WHERE id % 2; VACUUM"'
sqlite3 shop.db 'DELETE FROM sales WHERE id % 2; VACUUM'
show 'seg-cut -d work shop shop.db | seg-upload -m'
sqlite3 shop.db ".backup truth-now.db"

say "What is in the store: NAME  START  END  TIME  PAGES  BYTES"
show 'seg-list shop'

say "Restore it as it is now, and as it was before the mistake"
show 'seg-list shop | seg-plan | seg-fetch -d fetched | seg-restore now.db'
show "seg-list shop | seg-plan -t $then | seg-fetch -d fetched | seg-restore then.db"

say "Merge the small segments; the sources stay until they are retired"
show 'seg-list shop | seg-plan -c levels:2 | seg-fetch -d fetched | seg-merge | seg-upload'
show 'seg-list shop | seg-plan'
show 'seg-list shop | seg-plan -x -o 0s | seg-rm'
show 'seg-list shop | seg-plan | seg-fetch -d fetched | seg-restore compacted.db'

say "Compared with the truth"
status=0
compare() { # RESTORED TRUTH
	a=$(sum "$1" | tr '\n' ' ')
	b=$(sum "$2" | tr '\n' ' ')
	dump_a=$(sqlite3 "$1" .dump | cksum)
	dump_b=$(sqlite3 "$2" .dump | cksum)
	if [ "$a" = "$b" ] && [ "$dump_a" = "$dump_b" ]; then
		printf '    %-13s %s  the same, row by row\n' "$1" "$a"
	else
		printf '    %-13s %s  DIFFERS from %s: %s\n' "$1" "$a" "$2" "$b"
		status=1
	fi
}
compare now.db truth-now.db
compare then.db truth-then.db
compare compacted.db truth-now.db
exit $status
