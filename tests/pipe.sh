# shellcheck shell=sh
# The live pipe, seg-cut --every | seg-upload -m, of the databases a.db and b.db
# through the work directory w; sourced after lib.sh.

# Both sides are run with this in front, and with these options, too.
pipe_with=''
pipe_cut=''
pipe_upload=''

# at_work N: both sides mind SIGTERM, or have ended
at_work() {
	for pipe_side in cut up; do
		minds "$(cat "$1.$pipe_side")" 15 || [ -s "$1.$pipe_side.status" ] ||
			return
	done
}
# pipe N: in the background; who it is and what it says in N.*
pipe() {
	rm -f "$1".*
	{
		# shellcheck disable=SC2086
		$pipe_with seg-cut --every 50ms $pipe_cut -d w a a.db b b.db \
			2>"$1.cut.err" &
		echo $! >"$1.cut"
		wait $! 2>/dev/null
		echo $? >"$1.cut.status"
	} | {
		# (What is in the background has no standard input.)
		# shellcheck disable=SC2086
		$pipe_with seg-upload -m $pipe_upload <&3 >"$1.names" 2>"$1.up.err" &
		echo $! >"$1.up"
		exec 3<&-
		wait $! 2>/dev/null
		echo $? >"$1.up.status"
	} 3<&0 &
	await test -s "$1.cut" -a -s "$1.up"
	await at_work "$1"
}
# ends N CUT UPLOAD WHAT: with these statuses
ends() {
	await test -s "$1.cut.status" -a -s "$1.up.status"
	is "$(cat "$1.cut.status") $(cat "$1.up.status")" "$2 $3" "$4" || {
		show_file "$1.cut.err" cut
		show_file "$1.up.err" upload
	}
}
# answered N SETS: the uploader is done with so many at least
answered() {
	[ "$(grep -c '^$' "$1.names")" -ge "$2" ]
}
put() {
	for db; do
		sql "$db.db" "INSERT INTO t SELECT max(id) + 1, 'new' FROM t"
	done
}
# waiting N NAMESPACE: so many cuts, in DIR
waiting() {
	[ "$(find "w/$2" -name '*.idx' | wc -l)" = "$1" ]
}
# current DB...: the store has them as SQLite has them
current() {
	for db; do
		rm -rf got then.db
		seg-list "$db" >all && seg-plan <all >plan &&
			seg-fetch -d got <plan >got.rec &&
			seg-restore -q then.db <got.rec || return
		sql then.db .dump >then.sql
		sql "$db.db" .dump >now.sql
		cmp then.sql now.sql || return
	done
}
# in_order DB: what is offered again while the uploader is slow is named again
in_order() {
	grep "^$1/" p.names | cut -f 3 | awk '!seen[$0]++' >first
	is "$(cat first)" "$(sort -n first)" "$1: in order"
}
# nothing_left WHAT
nothing_left() {
	for db in a b; do
		seg-list $db >all
		is "$(awk -F '\t' 'NF && $2 != end + 1; { end = $3 }' all)" "" \
			"$1: each of $db follows the one before"
	done
	is "$(find w -name '*.seg' -o -name '*.idx')" "" "$1: nothing is left"
	no_leftovers .
}

# pipe_by_clock: the pipe p, by a clock that held_up() sets
pipe_by_clock() {
	echo "0 1 0" >clock
	pipe_with="env LD_PRELOAD=$SEGTOOLS_BUILD/preload/clock.so CLOCK_FILE=$T/clock"
	pipe_with="$pipe_with ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0"
	pipe p
	pipe_with='' held=0
}
# held_up SIDES: these sides of it are stopped for a minute, by that clock, while
# both databases change
held_up() {
	for held_side in $1; do kill -STOP "$(cat p."$held_side")"; done
	put a b
	sleep 0.2
	put a b
	held=$((held + 60))
	# (Never empty: that would be no time at all.)
	echo "0 1 $held" 1<>clock
	for held_side in $1; do kill -CONT "$(cat p."$held_side")"; done
}
