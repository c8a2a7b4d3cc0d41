#!/bin/sh
# The layers of lib/, kept by a look at its #include lines: a module includes
# only modules of its own layer and of lower ones, never in a circle, and
# commands include lib/ alone.  A new module gets its place here.

cd "$(dirname "$0")/.." || exit 1
layers='
0 msg buf num bytes
1 io sort
2 key keyset seen rec fst segment aws http s3xml gather wal
3 store store_dir store_s3 s3 s3_list s3_multipart segfile history
4 plan merge dbfile fetch lazy cut catalog livedb memory
5 cli'

includes() { # FILE... : "MODULE INCLUDED" for each local #include
	awk -F'"' '/^[ \t]*#[ \t]*include[ \t]*"/ {
		f = FILENAME; sub(/.*\//, "", f); sub(/\.[ch]$/, "", f)
		print f, $2
	}' "$@"
}

status=0

# 1. each include of lib/ stays in its layer or goes down
includes lib/*.[ch] | awk -v layers="$layers" '
	BEGIN {
		n = split(layers, line, "\n")
		for (i = 1; i <= n; i++) {
			m = split(line[i], word, " ")
			for (j = 2; j <= m; j++)
				layer[word[j]] = word[1]
		}
	}
	!($1 in layer) && !said[$1]++ {
		print "lib/" $1 ": has no layer (tests/layers.sh)"; bad = 1
	}
	{
		name = $2
		if (!sub(/\.h$/, "", name) || !(name in layer)) {
			print "lib/" $1 " includes " $2 ", which has no layer"
			bad = 1
		} else if (layer[name] > layer[$1]) {
			print "lib/" $1 " (layer " layer[$1] ") includes " $2 \
			    " (layer " layer[name] ")"
			bad = 1
		}
	}
	END { exit bad }' || status=1

# 2. no circle
includes lib/*.[ch] | sed 's/\.h$//' | awk '$1 != $2' | tsort >/dev/null ||
	status=1

# 3. commands
if ls cmd/*.c >/dev/null 2>&1; then
	includes cmd/*.c | while read -r cmd name; do
		[ -f "lib/$name" ] || echo "cmd/$cmd.c includes $name, not of lib/"
	done | grep . && status=1
fi
[ $status = 0 ] && echo "layers: no include upwards, no circle"
exit $status
