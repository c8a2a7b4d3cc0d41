#!/bin/sh
# make bench: runs tests/bench/*.sh and the programs of tests/bench/*.c (or
# those named by operands), one after another, and prints their figures in one
# table.  Each of them prints, for each figure, a line of TAB-separated columns
#
#	WHAT  FIGURE  COMPARISON  RATIO  BOUND
#
# for people: what was measured, the figure with its unit, that of what it is
# compared with, ours divided by theirs, and what the ratio or figure is to stay
# below; "-" where there is none.  Notes go to stderr, and only into the log.  A
# bench works in the current directory, new and empty; needs no network; and
# finds the installed commands, tests/helper and tests/bench on the PATH, and
# the source tree in $TOP.

TOP=$(cd "$(dirname "$0")/.." && pwd)
SEGTOOLS_BUILD=${SEGTOOLS_BUILD:-$TOP/build}
PATH=$SEGTOOLS_BUILD/inst/bin:$SEGTOOLS_BUILD/helper:$SEGTOOLS_BUILD/bench:$PATH
export TOP SEGTOOLS_BUILD PATH
log=$SEGTOOLS_BUILD/bench.log
table=$SEGTOOLS_BUILD/bench.tsv
status=0
: >"$log"
printf 'what\tfigure\tcompared with\tratio\tbound\n' >"$table"

if [ $# = 0 ]; then
	for f in "$TOP"/tests/bench/*.c "$TOP"/tests/bench/*.sh; do
		[ -f "$f" ] && set -- "$@" "$(basename "${f%.*}")"
	done
fi
for name; do
	dir=$(mktemp -d "$SEGTOOLS_BUILD/bench-XXXXXX") || exit 1
	trap 'rm -rf "$dir"' EXIT
	trap 'exit 1' HUP INT TERM
	[ -t 2 ] && printf '\r\033[K%s ...' "$name" >&2
	echo "== $name" >>"$log"
	if [ -f "$TOP/tests/bench/$name.c" ]; then
		(cd "$dir" && "$name") >>"$table" 2>>"$log"
	else
		(cd "$dir" && sh "$TOP/tests/bench/$name.sh") >>"$table" 2>>"$log"
	fi || {
		status=1
		printf '%s: FAILED, see %s\t-\t-\t-\t-\n' "$name" "$log" >>"$table"
	}
	rm -rf "$dir"
done
[ -t 2 ] && printf '\r\033[K' >&2

awk -F'\t' '
	{
		for (i = 1; i <= 5; i++) {
			cell[NR, i] = $i
			if (length($i) > width[i])
				width[i] = length($i)
		}
	}
	END {
		for (r = 1; r <= NR; r++) {
			for (i = 1; i <= 5; i++)
				printf i == 1 ? "%-*s" : "  %*s", width[i], cell[r, i]
			print ""
		}
	}' "$table"
exit $status
