#!/bin/sh
# seg-cut where the log was restarted since the last cut: when what is left of
# it may be believed, each condition of restart.h by itself; then random
# histories.  Every cut is compared page for page with what a live connection
# sees (tests/helper/walhistory.c).

. "$(dirname "$0")/lib.sh"

# A row is a page.  Four commits were counted; the last one is in the log, which
# has frames of an older generation behind it.
rows='a PRAGMA page_size = 1024; PRAGMA journal_mode = wal
a PRAGMA wal_autocheckpoint = 0; CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB)
a WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) INSERT INTO t SELECT i, randomblob(700) FROM n
a UPDATE t SET v = randomblob(700)
a PRAGMA wal_checkpoint(FULL)
a UPDATE t SET v = randomblob(700) WHERE id <= 150'
# The log has three frames, all of one commit, and no more; five were counted.
three='a PRAGMA wal_checkpoint(TRUNCATE)
a UPDATE t SET v = randomblob(700) WHERE id BETWEEN 1 AND 3'
short="$rows
$three"
frame=1048

# history DESC STEP...: no page differs, no way is another
history() {
	test_name=$1
	shift
	printf '%s\n' "$@" >steps
	ok "$test_name" walhistory script <steps
}

# A ID...: that process changes these rows, a commit each
a() { rows_of a "$@"; }
b() { rows_of b "$@"; }
rows_of() {
	test_actor=$1
	shift
	for id; do
		echo "$test_actor UPDATE t SET v = randomblob(700) WHERE id = $id"
	done
}

checkpoint() {
	echo "$1 PRAGMA wal_checkpoint(FULL)"
}

# The same, but 35 were counted.
many="$rows
$(a $(seq 4 33))
$three"

history "what is left of the old log and the new one are enough" "$rows" \
	'cut full' "$(a 10 20)" "$(checkpoint a)" "$(a 30 10)" 'cut restart' \
	"$(a 40)" 'cut log' 'cut nothing' "$(checkpoint a)" "$(a 50)" \
	'cut restart' "$(checkpoint a)" "$(a 60 61)" 'cut database'
history "an old log that has nothing new" "$rows" 'cut full' \
	"$(checkpoint a)" 'cut nothing' "$(a 30)" 'cut restart'
history "only the last of two restarts is one too many" "$rows" 'cut full' \
	"$(checkpoint a)" "$(a 1)" 'cut restart' "$(checkpoint a)" "$(a 2)" cut
history "a new log without a commit" "$rows" 'cut full' "$(a 10)" \
	"$(checkpoint a)" 'a PRAGMA cache_size = 5' \
	'a BEGIN IMMEDIATE; UPDATE t SET v = randomblob(700) WHERE id < 20' \
	'cut restart' 'cut nothing' 'a COMMIT' 'cut restart' 'cut nothing'
history "one that is rolled back" "$rows" 'cut full' "$(a 10)" \
	"$(checkpoint a)" 'a PRAGMA cache_size = 5' \
	'a BEGIN IMMEDIATE; UPDATE t SET v = randomblob(700) WHERE id < 20' \
	'a ROLLBACK' "$(a 12)" 'cut restart'
history "one that is rolled back and reached the old place" "$short" \
	'cut full' "$(a 10)" "$(checkpoint a)" 'a PRAGMA cache_size = 5' \
	'a BEGIN IMMEDIATE; UPDATE t SET v = randomblob(700) WHERE id < 20' \
	'a ROLLBACK' "$(a 12)" 'cut database'
history "several connections" "$rows" "$(b 3)" 'cut full' "$(a 10)" \
	"$(b 11)" "$(checkpoint b)" "$(a 12)" "$(b 13)" 'cut restart'

# What each condition is for: without it, pages would be missed here.
history "two restarts, and a count that began anew" "$rows" 'cut full' \
	'kill all' "$(checkpoint b)" "$(b 1 2 3 4)" "$(checkpoint b)" \
	"$(b 5)" 'cut database'
history "the old place is overwritten, and a count that began anew" \
	"$short" 'cut full' 'kill all' "$(b 4 5 6 7 8)" "$(checkpoint b)" \
	'b UPDATE t SET v = randomblob(700) WHERE id BETWEEN 11 AND 15' \
	'cut database'
for read in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
	history "it is overwritten in the cut's read $read" "$short" \
		'cut full' 'kill all' "$(b 4 5 6 7 8)" "$(checkpoint b)" \
		"$(b 9)" "during $read b UPDATE t SET v = randomblob(700) WHERE id BETWEEN 11 AND 16" \
		cut
done
for read in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
	history "restarted once more in the cut's read $read" "$rows" \
		'cut full' 'kill all' "$(checkpoint b)" "$(b 1 2 3 4)" \
		"$(checkpoint b)" "during $read $(b 5)" cut
done
history "the old log was cut off within a frame" "$many" 'cut full' \
	'kill all' "b PRAGMA journal_size_limit = $((32 + 3 * frame + 500))" \
	"$(b $(seq 4 38))" "$(checkpoint b)" "$(b 50)" 'cut database'
history "the old log was cut off at a frame's border" "$many" 'cut full' \
	"a PRAGMA journal_size_limit = $((32 + 5 * frame))" \
	"$(a 4 5 6 7)" "$(checkpoint a)" "$(a 8)" 'cut database'
history "the same, and a count that began anew" "$short" 'cut full' \
	'kill all' "b PRAGMA journal_size_limit = $((32 + 3 * frame))" \
	"$(b 4 5 6 7 8)" "$(checkpoint b)" "$(b 9)" 'cut database'
history "it was not cut off, but who knows" "$short" 'cut full' "$(a 4)" \
	"$(checkpoint a)" "$(a 5)" 'cut database'
history "so many were counted that it was not" "$many" 'cut full' "$(a 4)" \
	"$(checkpoint a)" "$(a 5)" 'cut restart'
history "so long a log that the wal-index shows it" \
	'a PRAGMA page_size = 512; PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0' \
	'a CREATE TABLE t AS SELECT 1 AS id, zeroblob(2200000) AS v; INSERT INTO t VALUES(2, 2), (3, 3)' \
	'cut full' 'a UPDATE t SET v = 4 WHERE id = 2' "$(checkpoint a)" \
	'a UPDATE t SET v = 5 WHERE id = 3' 'cut restart'
history "a commit that died" "$rows" "$(b 3)" 'cut full' "$(b 4)" \
	'a die log 2' "$(a 5)" "$(checkpoint b)" "$(b 6)" 'cut database'
history "a count of 0, and an older database under the log" "$rows" \
	"$(checkpoint a)" save "$(a 1)" "$(checkpoint a)" \
	'a UPDATE t SET v = randomblob(700) WHERE id BETWEEN 2 AND 9' \
	'kill all' 'cut full' 'back file' "$(b 20)" "$(checkpoint b)" \
	"$(b 21)" 'cut database'
history "an older copy under a longer log" "$rows" save "$(a 1 2)" \
	'cut full' 'back over' "$(b 3)" "$(checkpoint b)" "$(b 4)" \
	'cut database'
history "another database under that name" "$rows" \
	"$(checkpoint a)" save "$(a 1)" "$(checkpoint a)" \
	'a UPDATE t SET v = randomblob(700) WHERE id BETWEEN 2 AND 9' \
	'cut full' 'back db' "$(b 20)" "$(checkpoint b)" "$(b 21)" \
	'cut database'
history "another log under that name" "$rows" 'cut full' save 'back log' \
	"$(b 1)" "$(checkpoint b)" "$(b 2)" 'cut database'
history "a log that is shorter" "$rows" "$(checkpoint a)" "$(a 1 2 3 4 5)" \
	'cut full' "$(a 6)" "$(checkpoint a)" \
	"a PRAGMA journal_size_limit = $((32 + 10 * frame))" "$(a 7)" \
	'cut database'
history "a log of no length" "$rows" 'a PRAGMA wal_checkpoint(TRUNCATE)' \
	'cut full' "$(a 1)" "$(checkpoint a)" "$(a 2)" 'cut database'
history "the system has started anew" "$rows" 'cut full' "$(a 1)" \
	"$(checkpoint a)" "$(a 2)" boot 'cut database'
history "and the log, if it was not restarted, is not believed either" \
	"$rows" 'cut full' "$(a 1)" boot 'cut database' "$(a 2)" 'cut log'
history "which start it is, the system does not say" "$rows" 'boot none' \
	'cut full' "$(a 1)" "$(checkpoint a)" "$(a 2)" 'cut database' \
	"$(a 3)" 'cut log'
history "another journal mode in between" "$rows" 'cut full' \
	'a PRAGMA journal_mode = delete' "$(a 1)" 'a PRAGMA journal_mode = wal' \
	"$(a 2)" 'cut database'
history "the old log shrank the database and made it grow" \
	'a PRAGMA page_size = 1024; PRAGMA auto_vacuum = 2' "$rows" 'cut full' \
	'a DELETE FROM t WHERE id > 150; PRAGMA incremental_vacuum' \
	'b BEGIN; SELECT count(*) FROM t' 'a PRAGMA wal_checkpoint(PASSIVE)' \
	'a INSERT INTO t VALUES(1000, zeroblob(30000))' 'b COMMIT' \
	"$(checkpoint a)" "$(a 1)" 'cut restart'
# The whole comparison
history "once a day all pages are compared" "$rows" 'cut full' "$(a 1)" day \
	'cut whole' "$(a 2)" 'cut log' day "$(a 3)" "$(checkpoint a)" "$(a 4)" \
	'cut whole' "$(checkpoint a)" day 'cut nothing'
history "and what the log did not say is said" "$rows" 'cut full' \
	"$(checkpoint a)" 'harm 100' "$(a 1)" day 'cut whole' \
	'said , from 100 on: a fault of'

# Random histories
count=60
[ -z "${SANITIZED:-}" ] || count=20
[ -z "${SOAK:-}" ] || count=4000
ok "$count random histories" walhistory seeds 1 $count
out_like '; 0 missed$' "no page is missed"
fast=$(sed -n 's/.* \([0-9]*\) restart.*/\1/p' out)
is "$((fast >= count / 2))" 1 "$fast cuts across a restart read no more than it names"

done_testing
