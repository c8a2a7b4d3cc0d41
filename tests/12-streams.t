#!/bin/sh
# Streams as they are when they do not come from a file: a byte at a time,
# stopped, killed, not readable any further, not there.  Whatever the pipe does,
# what is made of a set is the same, and what failed of it stays failed.
. "$(dirname "$0")/lib.sh"

readers=$(for p in "$SEGTOOLS_BIN"/seg-*; do
	"$p" -h | grep -q -e --eof-ends-set && echo "${p##*/}"
done)

mkdir fixture && cd fixture || exit 1
make_db shop.db 40 1024 delete
for i in 1 2 3; do
	sql shop.db "UPDATE t SET v = 'round $i' WHERE id = $i"
	seg-cut -d work shop shop.db >new-cut
	seg-upload -s store --create <new-cut >/dev/null
done
seg-list -s store shop >names
seg-fetch -s store -d work <names >files
cd .. || exit 1

# args_of CMD, stdin_of CMD: how it is run, and what it reads
args_of() {
	case $1 in
	seg-plan | seg-pack) ;;
	seg-draw) echo "--text" ;;
	seg-query) echo "-s store SELECT-1" ;;
	seg-verify) echo "-s store" ;;
	seg-fetch) echo "-s store -d fetched" ;;
	seg-merge) echo "-d merged" ;;
	seg-restore) echo "-n now.db" ;;
	seg-upload) echo "-s second --create" ;;
	seg-rm) echo "-F -n -s store" ;;
	esac
}

stdin_of() {
	case $1 in
	seg-draw | seg-plan | seg-query | seg-rm | seg-fetch | seg-verify) echo names ;;
	*) echo files ;;
	esac
}

fresh() {
	cd "$T" && rm -rf box && cp -a fixture box && cd box || exit 1
}

# piped HOW FILE CMD [OPTION...]: CMD as args_of says, its stdin by badpipe;
# stderr is a file of its own, as run() makes it
piped() {
	how=$1 file=$2
	shift 2
	# shellcheck disable=SC2046
	badpipe "$how" "$file" "$@" $(args_of "$1")
}

# said_once CMD PATTERN DESC: one line on stderr, and that is it
said_once() {
	is "$(wc -l <"$T/err") $(grep -c "^$1: $2" "$T/err")" "1 1" "$3" ||
		show_file "$T/err" err
}

# ends_of CMD: how the sets of its output ended: "good", "failed", one a line
ends_of() {
	case $1 in
	seg-restore | seg-draw | seg-query) ;; # they print no sets
	seg-pack)
		tar -tf "$T/out" 2>/dev/null |
			sed -n 's/^\.end$/good/p; s/^\.failed$/failed/p'
		;;
	*) sed -n 's/^$/good/p; s/^!$/failed/p' "$T/out" ;;
	esac
}

# one_set CMD: it takes one set, and prints none
one_set() {
	[ "$1" = seg-restore ] || [ "$1" = seg-draw ]
}

# no_sets CMD: it prints none
no_sets() {
	one_set "$1" || [ "$1" = seg-query ]
}

# ended CMD HOW DESC: how the sets of its output ended
ended() {
	no_sets "$1" || is "$(ends_of "$1" | xargs)" "$2" "$3"
}

no_database() {
	absent now.db
}

# --- a byte at a time, through a descriptor that blocks and one that does not

same_as_a_file() {
	fresh
	in=$(stdin_of "$1")
	{ cat "$in"; echo; sed '$d' "$in"; echo '!'; } >three
	! one_set "$1" || cp "$in" three
	# shellcheck disable=SC2046
	run "$1" $(args_of "$1") <three
	wanted=$status
	mv "$T/out" "$T/out.file" && mv "$T/err" "$T/err.file"
	for how in each nonblock; do
		cp three "$T/three" && fresh && mv "$T/three" three
		run piped $how three "$1"
		is "$status" "$wanted" "$1, $how: status $wanted"
		same "$T/out" "$T/out.file" "$1, $how: prints what it does of a file"
		same "$T/err" "$T/err.file" "$1, $how: says the same"
	done
}

# --- the stream cannot be read any further, at each byte of a set; the writer is
# killed (80-contract.t cuts streams at each byte); there is no stream at all

# broken_off STEP CMD [-e]: status, end line and message, at every STEP bytes
broken_off() {
	step=$1 cmd=$2 e=${3:-}
	bad=
	for at in $(seq 0 "$step" "$n"); do
		# shellcheck disable=SC2086
		run piped "broken:$at" whole "$cmd" $e
		[ "$status" = 3 ] && [ ! -e now.db ] &&
			[ "$(cat "$T/err")" = "$cmd: standard input: Input/output error" ] &&
			{ no_sets "$cmd" || [ "$(ends_of "$cmd")" = failed ]; } ||
			bad="$bad $at(status $status)"
	done
	is "$bad" "" "$cmd $e, broken at every $step of $n bytes: 3, said once, a failed set"
}

check_broken() {
	fresh
	sed -n 1p "$(stdin_of "$1")" >whole
	n=$(size whole)
	broken_off 1 "$1"
	broken_off "${SOAK:-9}" "$1" -e
	run piped "killed:$((n / 2))" whole "$1"
	is "$status" 1 "$1: the writer is killed"
	said_once "$1" 'standard input: cut short inside a line' "$1: said once"
	ended "$1" '' "$1: no end line"

	# a set that had ended stands, the one that is begun fails
	if ! one_set "$1"; then
		{ cat "$(stdin_of "$1")"; sed -n 1p "$(stdin_of "$1")"; } >whole
		for at in "$(size "$(stdin_of "$1")")" "$(size whole)"; do
			run piped "broken:$at" whole "$1"
			is "$status" 3 "$1: broken at $at of two sets"
			ended "$1" "good failed" "$1: a good set, a failed one"
		done
	fi

	for e in "" -e; do
		# shellcheck disable=SC2046,SC2086
		run "$1" $e $(args_of "$1") <.
		is "$status" 3 "$1 $e: a directory for stdin is an error"
		said_once "$1" 'standard input: Is a directory$' "$1 $e: said once"
		ended "$1" failed "$1 $e: the set ends as failed"
		# shellcheck disable=SC2046,SC2086
		run "$1" $e $(args_of "$1") <&-
		is "$status" 1 "$1 $e: no stdin is no stream"
		said_once "$1" 'standard input: ' "$1 $e: said once"
		ended "$1" '' "$1 $e: no end line"
	done
	no_database
}

# --- a set that had failed

check_failed() {
	fresh
	for e in "" -e; do
		{ cat "$(stdin_of "$1")"; echo '!'; } | grep . >failed
		# shellcheck disable=SC2046,SC2086
		run "$1" $e $(args_of "$1") <failed
		is "$status" 1 "$1 $e: a failed set"
		ended "$1" failed "$1 $e: answered by one"
		said_once "$1" '.*: the set had failed before$' "$1 $e: said once"
	done
	[ "$1" != seg-restore ] || like "$T/err" \
		'^seg-restore: now.db: not made: the set had failed before$' \
		"seg-restore names what is not made"
	[ "$1" != seg-plan ] || like "$T/err" 'standard input, line 4: ' \
		"seg-plan names the place"
	no_database
}

for cmd in $readers; do
	same_as_a_file "$cmd"
	check_broken "$cmd"
	check_failed "$cmd"
done

# --- one record fails while the rest of the set does not come

check_stopped() { # CMD DAMAGED-FILE INPUT [ARGS...]
	cmd=$1 damaged=$2 in=$3
	shift 3
	printf z | dd of="$damaged" bs=1 seek=900 conv=notrunc 2>/dev/null
	at=$(head -n 1 "$in" | wc -c)
	for e in "" -e; do
		sed '$d' "$in" >records
		[ -n "$e" ] || echo >>records
		# shellcheck disable=SC2086
		run badpipe "stopped:$at" records "$cmd" $e "$@"
		is "$status" 1 "$cmd $e $*: what failed while it waited stays failed"
		is "$(tail -n 1 "$T/out")" '!' "$cmd $e $*: the set fails"
		[ "$cmd" = seg-upload ] ||
			is "$(grep -c shop/ "$T/out")" 2 "$cmd $e $*: the rest is done"
		is "$(grep -vc 'it would leave a gap\|one before it failed\|neither extends' "$T/err")" \
			1 "$cmd $e $*: said once"
	done
}

fresh
data=store/v2/clusters/default/namespaces/shop/segments
first=$(sed -n '1s/.*shop\/\([0-9-]*\).*/\1/p' names)
check_stopped seg-fetch "$data/$first" names -s store -d fetched
fresh
check_stopped seg-verify "$data/$first" names -s store
fresh
check_stopped seg-verify "work/shop/$first.seg" files
fresh
check_stopped seg-upload "work/shop/$first.seg" files -s second --create

# --- the writer of a long stream is stopped, goes on, is killed

fresh
mkfifo pipe
records=3000
[ -z "${SOAK:-}" ] || records=100000
seq "$records" | awk '{
	printf "long/1844674407370%07d-%020d-%020d\t-\t-\t-\t1\t4176\n",
		9551615 - $1, $1, 1 }' >long.names
echo >>long.names
seg-plan <long.names >wanted
is "$?" 0 "a plan of $records segments"
ok "$records records, a byte at a time" badpipe each long.names seg-plan
same "$T/out" wanted "give the same plan"
cat long.names >pipe &
writer=$!
seg-plan <pipe >out 2>err &
reader=$!
kill -STOP $writer
sleep 0.1
kill -CONT $writer
wait $writer
wait $reader
is "$?" 0 "a writer that was stopped for a while"
is "$(wc -l <out)" $((records + 1)) "all is planned"
{ head -c 100000 long.names; : >written; exec sleep 100; } >pipe &
writer=$!
seg-plan <pipe >out 2>err &
reader=$!
await test -e written
kill -KILL $writer
wait $writer 2>wait.err
wait $reader
is "$?" 1 "a writer that is killed inside a set"
empty out "nothing is planned"
is "$(cat err)" "seg-plan: standard input: cut short inside a line" "says why"
# What would be two records, or another one
printf 'shop/18446744073709551605-00000000000000000001-00000000000000000005\0x\n\n' >zero
must_fail 1 seg-plan <zero
err_like 'line 1: not a record' "a zero byte in a record"
make_db odd.db 5
must_fail 2 seg-cut -d "one${LF}two" shop odd.db
err_like 'a TAB or newline in a path' "a newline in a path"
is "$(grep -c shop out)" 0 "is no two records"
# --- a first line that is the last, and has no newline

for c in $readers; do
	fresh
	printf '!' >bang
	# shellcheck disable=SC2046
	run "$c" -e $(args_of "$c") <bang
	is "$status" 1 "$c -e: a ! alone fails the set"
	ended "$c" failed "$c -e: which is told"
	printf 'junk' >junk
	# shellcheck disable=SC2046
	run "$c" -e $(args_of "$c") <junk
	is "$status" 1 "$c -e: no record"
	err_like "standard input, line 1: not a record: junk" "$c -e: in line 1"
done
done_testing
