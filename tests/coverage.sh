#!/bin/sh
# tests/coverage.sh BUILD COMMAND: runs the tests, COMMAND, on a build with
# counters, then tells what share of the lines of each file of lib/, cmd/ and
# ext/ they reached, the least reached last; then that of all.
#
# What a process counted is lost when it is killed; and the tests that watch
# each operation on files see those of the counters, so some fail here: what the
# tests are worth is told by "make check" alone.

build=$(cd "$1" && pwd) || exit
counts=$(mktemp -d) || exit
trap 'rm -rf "$counts"' EXIT
# Where all may write: some tests run as another user, or change the umask.
chmod 1777 "$counts"
depth=$(printf '%s' "$build" | tr -cd / | wc -c)
GCOV_PREFIX=$counts GCOV_PREFIX_STRIP=$depth GCOV_ERROR_FILE=/dev/null
export GCOV_PREFIX GCOV_PREFIX_STRIP GCOV_ERROR_FILE
find "$build" -name '*.gcda' -exec rm {} +
sh -c "$2" || echo "(some tests failed, see above: on this build they may)"
(cd "$counts" && find . -name '*.gcda') | while read -r file; do
	cp "$counts/$file" "$build/$file"
done
for source in lib/*/*.c cmd/*.c ext/*.c; do
	gcov -n -o "$build/${source%.c}.o" "$source" 2>/dev/null |
		grep -A1 "^File '$source'" |
		sed -n 's/^Lines executed:\([0-9.]*\)% of \([0-9]*\)$/\1 \2/p' |
		sed "s|\$| $source|"
done | sort -rn | awk '
	{ printf "%6.1f %% of %4d lines  %s\n", $1, $2, $3
	  n += $2; reached += $1 * $2 / 100 }
	END { if (!n) exit 1
	  printf "%6.1f %% of %d lines of lib, cmd and ext\n", 100 * reached / n, n }'
