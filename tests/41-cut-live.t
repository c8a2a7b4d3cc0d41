#!/bin/sh
# seg-cut beside live writers in other processes, and killed at any moment.

. "$(dirname "$0")/lib.sh"

new_bank() {
	sqlite3 "$1" >/dev/null <<-SQL
		PRAGMA journal_mode = $2;
		CREATE TABLE account(id INTEGER PRIMARY KEY, money INT);
		CREATE TABLE log(n INTEGER PRIMARY KEY, b BLOB);
		WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL
			SELECT i + 1 FROM n WHERE i < 199)
		INSERT INTO account SELECT i, 0 FROM n;
	SQL
}

# What holds in every committed state.
whole() {
	sqlite3 "$1" "PRAGMA integrity_check; SELECT sum(money) FROM account;
		SELECT count(*) = coalesce(max(n), 0) FROM log"
}
good='ok
0
1'

# One restore for each cut that was made.
check_cuts() {
	bad=0 n=0
	set -- "$1"/bank/*.seg # newest first
	while [ $# -gt 0 ] && [ -f "$1" ]; do
		n=$((n + 1))
		# shellcheck disable=SC2086
		if ! latest_full "$@" ||
			! seg-restore -qF then.db $chain 2>err ||
			[ "$(whole then.db)" != "$good" ]; then
			bad=$((bad + 1))
			note "$1: $(cat err) $(whole then.db)" >&2
		fi
		shift
	done
}

# latest_full SEG...: into $chain the newest that starts at 1 and all later ones
latest_full() {
	chain=
	for f; do # newest first
		chain="$chain $f"
		case $f in
		*-00000000000000000001-*) return 0 ;;
		esac
	done
	return 1
}

for mode in wal delete truncate persist; do
	rm -rf bank.db* work
	new_bank bank.db "$mode"
	failed=0
	# (Where commits are slow, a reader comes between them but seldom.)
	for _ in 1 2 3 4 5 6 7 8; do
		livewriter bank.db 1 3 &
		w1=$!
		livewriter bank.db 2 3 &
		w2=$!
		while kill -0 $w1 2>/dev/null; do
			seg-cut -q --busy-timeout 60000 -d work bank bank.db \
				>out 2>err || {
				failed=$((failed + 1))
				cat err >&2
			}
			sleep 0.05
		done
		wait $w1 $w2
		[ "$(find work -name '*.seg' | wc -l)" -le 3 ] || break
	done
	is $failed 0 "$mode: no cut beside two writers failed"
	ok "$mode: the last cut" seg-cut -d work bank bank.db
	check_cuts work
	is "$bad" 0 "$mode: all $n cuts are whole and consistent states"
	is "$((n > 3))" 1 "$mode: there were some"
	sql bank.db .dump >a
	latest_full work/bank/*.seg
	# shellcheck disable=SC2086
	ok "$mode: restore the last" seg-restore -F last.db $chain
	sql last.db .dump >b
	same b a "$mode: which is what SQLite says"
done

rm -rf bank.db* work
new_bank bank.db wal
livewriter bank.db 3 8 &
w1=$!
killed=0
i=0
while [ $i -lt 200 ]; do
	i=$((i + 1))
	seg-cut -q -d work bank bank.db >out 2>err &
	p=$!
	sleep "0.$(printf %03d $((i * 7 % 13)))"
	kill -9 $p 2>/dev/null
	wait $p 2>/dev/null
	[ $? = 137 ] && killed=$((killed + 1))
done
kill -9 $w1
wait $w1 2>/dev/null
note "killed $killed of 200"
ok "after SIGKILL at $killed moments" seg-cut -d work bank bank.db
check_cuts work
is "$bad" 0 "all $n cuts are whole"
no_leftovers work
latest_full work/bank/*.seg
# shellcheck disable=SC2086
ok "restore the last" seg-restore -F last.db $chain
sql bank.db .dump >a
sql last.db .dump >b
same b a "which is what SQLite says"

done_testing
