#!/bin/sh
# What all commands promise, asked of every one that is installed: help, version,
# bad options, a stdout that cannot be written, streams cut short at every byte,
# failed sets, malformed records, stores that are not there.
. "$(dirname "$0")/lib.sh"

# --- a store with three cuts of a database, its files, and streams of them

mkdir fixture && cd fixture || exit 1
make_db shop.db 40 1024 delete
for i in 1 2 3; do
	sql shop.db "UPDATE t SET v = 'round $i' WHERE id = $i"
	seg-cut -d work shop shop.db >new-cut
	seg-upload -s store --create <new-cut >/dev/null
done
sql shop.db "UPDATE t SET v = 'not yet cut' WHERE id = 4"
seg-list -s store shop >listing
seg-plan <listing >plan
cat plan plan >two-plans
seg-fetch -s store -d work <plan >files
is "$(grep -c . listing) $(grep -c . plan) $(grep -c . files)" "3 3 3" \
	"three segments are listed, planned, fetched"
seg-pack <files >archive
seg_path=$(sed -n '1s/\t.*//p' files)
cd .. || exit 1

# args_of CMD: what makes it print something, given its stdin
args_of() {
	case $1 in
	seg-cut) echo "-d work shop shop.db" ;;
	seg-list) echo "-s store shop" ;;
	seg-plan | seg-verify | seg-pack) ;;
	seg-unpack) echo "-d unpacked" ;;
	seg-fetch) echo "-s store -d fetched" ;;
	seg-merge) echo "-d merged" ;;
	seg-restore) echo "-" ;;
	seg-upload) echo "-s second --create" ;;
	seg-rm) echo "-F -s store" ;;
	seg-sync) echo "-s store -k catalog.db --add shop" ;;
	seg-query) echo "-s store SELECT-1" ;;
	seg-diff) echo "-s store" ;;
	seg-dump) echo "$seg_path" ;;
	esac
}

# stdin_of CMD: the stream of records it reads, or nothing if it reads none
stdin_of() {
	case $1 in
	seg-draw | seg-plan | seg-rm) echo listing ;;
	seg-fetch | seg-query) echo plan ;;
	seg-diff) echo two-plans ;;
	seg-merge | seg-restore | seg-upload | seg-verify | seg-pack) echo files ;;
	esac
}

# ends_of CMD FILE: how each set ended in its output, "good" or "failed" a line
ends_of() {
	case $1 in
	seg-restore | seg-draw | seg-query | seg-diff) ;; # they print no sets
	seg-pack) tar -tf "$2" 2>/dev/null | sed -n 's/^\.end$/good/p; s/^\.failed$/failed/p' ;;
	*) sed -n 's/^$/good/p; s/^!$/failed/p' "$2" ;;
	esac
}

fresh() {
	cd "$T" && rm -rf box && cp -a fixture box && cd box || exit 1
}

# with CMD STDIN [STDOUT]: runs CMD as args_of says; for run() and must_fail()
with() {
	# shellcheck disable=SC2046
	if [ $# = 3 ]; then
		"$1" $(args_of "$1") <"$2" >"$3"
	else
		"$1" $(args_of "$1") <"$2"
	fi
}

with_closed_stdout() {
	with "$1" "$2" >&-
}

in_of() {
	if [ "$1" = seg-unpack ]; then
		echo archive
	elif [ -n "$(stdin_of "$1")" ]; then
		stdin_of "$1"
	else
		echo /dev/null
	fi
}

# The line or lines of usage alone, on one line.
usage_of() {
	sed '/^ \{1,6\}-/,$d; /^$/,$d; s/^usage: //' "$1" | tr -s ' \n' '  ' |
		sed 's/^ //; s/ $//'
}

synopsis_of() {
	mandoc -T ascii -O width=1000 "$1" | col -bx |
		awk '/^[A-Z]/ { on = $0 == "SYNOPSIS"; next } on' |
		tr -s ' \n' '  ' | sed 's/^ //; s/ $//'
}

# --- options

check_options() {
	must_name=$(basename "$1")
	ok "$1 -h" "$1" -h
	empty "$T/err" "$1 -h: nothing on stderr"
	cp "$T/out" "$T/help"
	is "$(sed -n 's/^ \{2,6\}-.*--\([a-z-]*\).*/\1/p' "$T/help" | sort | uniq -d)" \
		"" "$1 -h: each option once"
	ok "$1 --help" "$1" --help
	same "$T/out" "$T/help" "$1: -h and --help"
	if [ -f "$TOP/man/$1.1" ]; then
		is "$(usage_of "$T/help")" "$(synopsis_of "$TOP/man/$1.1")" \
			"$1: -h and the manual's SYNOPSIS"
	else
		fail "$1: has a manual page"
	fi
	ok "$1 -V" "$1" -V
	out_like "^$must_name \(segtools\) [0-9.]+$" "$1 -V: what it prints"
	for o in -Z --no-such-option -j0 -jx --no-such=1; do
		must_fail 2 "$1" $o
		empty "$T/out" "$1 $o: nothing on stdout"
		err_like "^$must_name: " "$1 $o: the message begins with the name"
	done
	must_fail 3 sh -c "$1 -h >/dev/full"
	err_like "^$must_name: standard output: " "$1 -h >/dev/full: says so"
	must_fail 3 sh -c "$1 -V >&-"
}

# --- a stdout that cannot be written

check_stdout() {
	fresh
	must_fail 3 with "$1" "$(in_of "$1")" /dev/full
	err_like "^$1: " "$1 >/dev/full: says so"
	fresh
	must_fail 3 with_closed_stdout "$1" "$(in_of "$1")"
	cd "$T" || exit 1
}

# --- streams

# untouched CMD: nothing that a cut stream may not bring about
untouched() {
	case $1 in
	seg-merge) [ -z "$(find merged -type f 2>/dev/null)" ] ;;
	seg-rm) [ "$(find store/v2/clusters/*/namespaces -type f | wc -l)" = 6 ] ;;
	*) true ;;
	esac
}

# cut_everywhere CMD: the first two records of its stream, cut at every byte
cut_everywhere() {
	{ sed -n 1,2p "$(stdin_of "$1")"; echo; } >whole
	[ "$1" != seg-diff ] || cat whole whole >two-wholes
	[ "$1" != seg-diff ] || mv two-wholes whole
	n=$(($(size whole) - 1))
	bad=
	for i in $(seq 0 $n); do
		head -c "$i" whole >part
		run with "$1" part
		if [ "$status" != 1 ] || ! untouched "$1" ||
			! grep -q "^$1: " "$T/err"; then
			bad="$bad $i(status $status)"
		fi
		if takes_one_set "$1" && [ -s "$T/out" ]; then
			bad="$bad $i(output)"
		fi
		[ -z "$(ends_of "$1" "$T/out")" ] || bad="$bad $i(end line)"
	done
	is "$bad" "" "$1: a stream cut at each of $n bytes: 1, said, no end line"
	ok "$1: the whole stream" with "$1" whole
}

# those that print no sets, and take a number of them: one, two
takes_one_set() {
	[ "$1" = seg-restore ] || [ "$1" = seg-draw ] || [ "$1" = seg-diff ]
}

prints_sets() {
	! takes_one_set "$1" && [ "$1" != seg-query ]
}

# its operands are something else (tables), nor is there a -e for one set
takes_no_names() {
	[ "$1" = seg-diff ]
}

check_streams() {
	fresh
	cut_everywhere "$1"

	fresh
	must_fail 1 sh -c "$1 $(args_of "$1") <&-"

	fresh
	sed '$d' "$(stdin_of "$1")" >no-end
	printf '!\n' >>no-end
	must_fail 1 with "$1" no-end
	if prints_sets "$1"; then
		is "$(ends_of "$1" "$T/out")" failed "$1: answers a failed set with one"
	fi
	ok "$1: makes nothing of a failed set" untouched "$1"

	# a set that fails does not hold up the next one
	if prints_sets "$1"; then
		fresh
		{ echo '!'; cat "$(stdin_of "$1")"; } >two
		must_fail 1 with "$1" two
		is "$(ends_of "$1" "$T/out" | tr '\n' ' ')" "failed good " \
			"$1: two sets answer two"
		[ "$1" = seg-pack ] || is "$(sed -n '1p;$p' "$T/out")" "!" \
			"$1: nothing between them, nothing behind them"
	fi

	# -e: without end line, even without a last newline
	fresh
	sed '$d' "$(stdin_of "$1")" | head -c -1 >bare
	# shellcheck disable=SC2046
	takes_no_names "$1" ||
		ok "$1 -e: a file without its end" sh -c "$1 -e $(args_of "$1") <bare"

	# what is no record: bad data in a stream, usage as an operand
	for r in x shop/ / .. ../x/"$(basename "$seg_path")" "$(printf 'a\001b/%062d' 1)" \
		"shop/$(printf '%062d' 1)" "$(printf 'sh\377op')/$(basename "$seg_path")"; do
		fresh
		printf '%s\n\n' "$r" >record
		run with "$1" record
		is "$status" 1 "$1: malformed record $(printf '%s' "$r" | cat -v)"
		ok "$1: nothing made of it" untouched "$1"
		case $r in
		../*) continue ;; # as an operand, a file that is not there
		esac
		takes_no_names "$1" && continue
		# shellcheck disable=SC2046
		run "$1" $(args_of "$1") "$r"
		is "$status" 2 "$1: the same as an operand"
		empty "$T/out" "$1: and nothing on stdout"
	done
	cd "$T" || exit 1
}

# --- stores

takes_store() {
	grep -q -e '-s, --store' "$T/help"
}

check_store() {
	fresh
	args=$(args_of "$1" | sed 's/-s [a-z]*//; s/--create//')
	in=$(in_of "$1")
	[ "$1" != seg-verify ] || in=listing # files need no store
	must_fail 2 sh -c "$1 $args <$in"
	empty "$T/out" "$1 without a store: nothing on stdout"
	must_fail 2 sh -c "$1 -s no-such-store $args <$in"
	empty "$T/out" "$1 with a store that is not there: nothing on stdout"
	err_like "^$1: .*no-such-store" "$1: names it"
	absent no-such-store
	must_fail 2 sh -c "$1 -s store -C a/b $args <$in"
	must_fail 2 sh -c "SEG_CLUSTER=.. $1 -s store $args <$in"
	cd "$T" || exit 1
}

# --- colour: seg-draw has some (15-draw.t), the others send a terminal nothing but
# text and their line of progress

check_colour() {
	fresh
	for cmd in "$SEGTOOLS_BIN"/seg-*; do
		cmd=${cmd##*/}
		args=$(args_of "$cmd")
		case $cmd in
		seg-draw) continue ;;
		seg-restore) args=now.db ;; # and not the bytes of a database
		esac
		echo "$cmd $args <$(in_of "$cmd")"
		echo "$cmd -v -e $args </dev/null"
		echo "$cmd -h; $cmd --nonsense"
	done >all
	script -qec "sh ./all" typescript </dev/null >/dev/null 2>&1
	is "$(grep -o '^usage: seg-[a-z]*' typescript | sort -u | wc -l)" \
		"$(grep -c -e ' -h;' all)" "in a terminal all of them say something"
	esc=$(printf '\033')
	is "$(tr -d '\r' <typescript | sed "s/$esc\\[K//g" | grep "$esc" | cat -v)" "" \
		"and nothing in colour"
	cd "$T" || exit 1
}
check_colour

for path in "$SEGTOOLS_BIN"/seg-*; do
	cmd=${path##*/}
	check_options "$cmd"
	# seg-sync prints only what is monitored: see 60-sync.t
	[ "$cmd" = seg-sync ] || check_stdout "$cmd"
	[ -z "$(stdin_of "$cmd")" ] || check_streams "$cmd"
	case $cmd in
	seg-cut) ;; # a store is no must there
	*) ! takes_store || check_store "$cmd" ;;
	esac
done
is "$(for p in "$SEGTOOLS_BIN"/*; do echo "${p##*/}"; done | tr '\n' ' ')" \
	"seg-cut seg-diff seg-draw seg-dump seg-fetch seg-list seg-merge seg-pack seg-plan seg-query seg-restore seg-rm seg-sync seg-unpack seg-upload seg-verify " \
	"the commands that are installed"
no_leftovers .
done_testing
