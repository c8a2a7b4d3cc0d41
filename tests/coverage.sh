#!/bin/sh
# tests/coverage.sh BUILD COMMAND: runs the tests, COMMAND, on a build with
# counters, then tells what share of the lines of each file of lib/, cmd/ and
# ext/ they reached, the least reached last; then that of all, which must be
# $LEAST.
#
# Where an error that no test has tried may cost somebody's data, $ALL, each line
# must be reached.  But for those beside which it is said why: from a comment
# "no test: REASON" up to the next line that was reached.
#
# What a process counted is lost when it is killed from outside; and the tests
# that watch each operation on files see those of the counters, so some fail
# here: what the tests are worth is told by "make check" alone.

LEAST=92
ALL='lib/base/directory.c lib/base/temporary.c lib/base/file.c
	lib/base/file_data.c lib/base/handover.c lib/base/coalesce.c
	lib/base/output.c lib/base/sort.c lib/cut/*.c lib/publish/publish.c
	lib/publish/moved.c lib/retire/retire.c lib/retire/retire_set.c'

build=$(cd "$1" && pwd) || exit
counts=$(mktemp -d) || exit
trap 'rm -rf "$counts"' EXIT
# Some tests run as another user, or change the umask: where all may write, and
# no file is one user's because he came first.
(cd "$build" && find . -name '*.gcno') | while read -r file; do
	file=$counts/${file%.gcno}.gcda
	mkdir -p "${file%/*}" && : >"$file" && chmod 666 "$file"
done
find "$counts" -type d -exec chmod 777 {} +
depth=$(printf '%s' "$build" | tr -cd / | wc -c)
GCOV_PREFIX=$counts GCOV_PREFIX_STRIP=$depth GCOV_ERROR_FILE=/dev/null
export GCOV_PREFIX GCOV_PREFIX_STRIP GCOV_ERROR_FILE
find "$build" -name '*.gcda' -exec rm {} +
sh -c "$2" || echo "(some tests failed, see above: on this build they may)"
(cd "$counts" && find . -name '*.gcda' ! -empty) | while read -r file; do
	cp "$counts/$file" "$build/$file"
done

status=0
for source in lib/*/*.c cmd/*.c ext/*.c; do
	gcov -n -o "$build/${source%.c}.o" "$source" 2>/dev/null |
		grep -A1 "^File '$source'" |
		sed -n 's/^Lines executed:\([0-9.]*\)% of \([0-9]*\)$/\1 \2/p' |
		sed "s|\$| $source|"
done | sort -rn | awk -v "least=$LEAST" '
	{ printf "%6.1f %% of %4d lines  %s\n", $1, $2, $3
	  n += $2; reached += $1 * $2 / 100 }
	END { if (!n) exit 1
	  printf "%6.1f %% of %d lines of lib, cmd and ext\n", 100 * reached / n, n
	  exit 100 * reached < least * n }' || status=1

# shellcheck disable=SC2086
for source in $ALL; do
	gcov -t -o "$build/${source%.c}.o" "$source" 2>/dev/null |
		awk -v "source=$source" '
		/^ *-: *0:Source:/ { mine = index($0, ":Source:" source) > 0 }
		!mine { next }
		/no test: / { why = 1 }
		/^ *[0-9]/ { why = 0 }
		/^ *(#####|=====)/ && !why {
			n = split($0, part, ":")
			gsub(/ /, "", part[2])
			sub(/^[^:]*:[^:]*:[ \t]*/, "")
			print "not reached: " source ":" part[2] ": " $0
		}'
done >"$counts/missed"
cat "$counts/missed"
echo "$(wc -l <"$counts/missed") lines of those that all must be reached are not"
[ ! -s "$counts/missed" ] || status=1
exit $status
