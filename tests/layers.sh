#!/bin/sh
# tests/layers.sh [BUILD]: the layers of lib/, as lib/README.md has them.
#
#  1. each file of lib/ has its line there, and each line its file
#  2. a file includes only its own folder and those above it, in no circle
#  3. the same by symbols: what an object calls is defined there too (with a
#     build, whose objects are asked)
#  4. commands and extensions include lib/ alone
#
# Who breaks one is named.

cd "$(dirname "$0")/.." || exit 1
build=${1:-build}
status=0

# FOLDER/NAME, in order
map=$(sed -n 's/^- `\([a-z]*\/[a-z0-9_]*\)`: .*/\1/p' lib/README.md)
files=$(for f in lib/*/*.[ch]; do
	f=${f#lib/}
	echo "${f%.[ch]}"
done | sort -u)

# 1. the map
echo "$map" | sort | uniq -d | sed 's/$/: twice in lib\/README.md/' | grep . &&
	status=1
for f in $files; do
	echo "$map" | grep -qx "$f" || {
		echo "lib/$f: has no line in lib/README.md"
		status=1
	}
done
for f in $map; do
	echo "$files" | grep -qx "$f" || {
		echo "lib/README.md: $f: no such file"
		status=1
	}
done

# "FROM TO HOW" a line: those whose folder comes later in the map are named
upwards() {
	awk -v map="$map" '
		BEGIN {
			n = split(map, line, "\n")
			for (i = 1; i <= n; i++) {
				sub(/\/.*/, "", line[i])
				if (!(line[i] in layer))
					layer[line[i]] = i
			}
		}
		{
			from = $1; sub(/\/.*/, "", from)
			to = $2; sub(/\/.*/, "", to)
			if (!(to in layer) || layer[to] > layer[from]) {
				print "lib/" $1 " " $3 " " $2 ", which is above it"
				bad = 1
			}
		}
		END { exit bad }'
}

# 2. #include "FOLDER/NAME.h"
includes() { # FILE... : "FOLDER/NAME INCLUDED" for each
	awk -F'"' '/^[ \t]*#[ \t]*include[ \t]*"/ {
		f = FILENAME; sub(/^lib\//, "", f); sub(/\.[ch]$/, "", f)
		to = $2; sub(/\.h$/, "", to)
		if (f != to) print f, to, "includes"
	}' "$@"
}
includes lib/*/*.[ch] | upwards || status=1
includes lib/*/*.[ch] | awk '{ print $1, $2 }' | tsort >/dev/null || status=1

# 3. what is called: nm's "U" of one object, defined by another
symbols() {
	for f in $files; do
		o=$build/lib/$f.o
		[ -f "$o" ] && nm "$o" | awk -v f="$f" '
			NF == 2 && $1 == "U" { print f, $2, "U" }
			NF == 3 && $2 ~ /^[TDBRC]$/ { print f, $3, "T" }'
	done | awk '
		$3 == "T" { by[$2] = $1 }
		$3 == "U" { uses[++n] = $1 " " $2 }
		END {
			for (i = 1; i <= n; i++) {
				split(uses[i], u, " ")
				if (u[2] in by && by[u[2]] != u[1])
					print u[1], by[u[2]], "calls"
			}
		}' | sort -u
}
if [ -d "$build/lib" ]; then
	symbols | upwards || status=1
	symbols | awk '{ print $1, $2 }' | tsort >/dev/null || status=1
fi

# 4. commands, extensions
includes cmd/*.c ext/*.c | while read -r cmd name _; do
	[ -f "lib/$name.h" ] || echo "$cmd.c includes $name.h, not of lib/"
done | grep . && status=1
[ $status = 0 ] && echo "layers: nothing calls or includes upwards, no circle"
exit $status
