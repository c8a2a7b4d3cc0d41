#!/bin/sh
# Memory: what a segment more in a set costs the commands that hold one, and what
# large compressed objects cost, many at a time.
. "$(dirname "$0")/lib.sh"

[ -z "${SANITIZED:-}" ] || skip_all "a sanitizer's shadow memory is not ours"
few=8000
many=20000
mkdir store fresh
SEG_STORE=$T/store
export SEG_STORE
manyseg store shop $many >all
manyseg -w work shop $many >files

# measure CMD...: $each, what a segment more of many costs: bytes
measure() {
	for n in $few $many; do
		{ head -n "$n" "$test_file" && echo; } >a_set
		run rusage used "$@" <a_set
		[ "$status" = 0 ] || return
		eval "kib_$n=\$(cut -d' ' -f3 used)"
	done
	# shellcheck disable=SC2154
	each=$(((kib_20000 - kib_8000 - 512) * 1024 / (many - few)))
}

# a_segment DESC FILE CMD...: CMD reads the first lines of FILE as a set; of
# many it takes at most 100 bytes more than of few for each that came on top,
# apart from half a MiB.  Few are enough to fill what buffers there are.  How
# many pages are there at the peak is a matter of chance too: one of five runs
# is to show it.
a_segment() {
	test_name=$1 test_file=$2 each=0
	shift 2
	for _ in 1 2 3 4 5; do
		measure "$@"
		[ "$status" != 0 ] || [ "$each" -le 100 ] || continue
		break
	done
	is "$status" 0 "$test_name: done"
	[ "$each" -le 100 ]
	is $? 0 "$test_name: $each bytes a segment"
}

a_segment "seg-fetch -l" all seg-fetch -l -d lazy
a_segment "seg-merge" files seg-merge -d merged
a_segment "seg-restore" files seg-restore -F restored.db
a_segment "seg-verify, objects" all seg-verify
a_segment "seg-verify, files" files seg-verify
# (They say that the database has 2^32 pages, which nobody is to look at.)
a_segment "seg-verify --restore" all seg-verify --restore
a_segment "seg-rm" all seg-rm -n -F
a_segment "seg-upload" files seg-upload -n -s fresh
a_segment "seg-plan" all seg-plan
a_segment "seg-plan -x" all seg-plan -x
a_segment "seg-plan -c" all seg-plan -c levels

sort -R all >shuffled
ok "in any order" sh -c 'seg-fetch -e -l -d any <shuffled'
for f in any/shop/*; do
	same "$f" "lazy/${f#any/}" "the same bytes"
	same "$f" "merged/${f#any/}" "and as merged"
done

# Compressed objects: 128 MiB in 16 of them, all at a time; the figure is three
# times what they take with two cores, each of which compresses.
rm -rf store work fresh lazy any
for i in $(seq 16); do
	mkseg work shop $((i * 2048 - 2047)) $((i * 2048)) $((1000 + i)) 2048 1 \
		2048 1 "$i"
done >files
echo >>files
in_little() { # DESC FILE CMD...
	test_name=$1 test_file=$2
	shift 2
	run rusage used "$@" <"$test_file"
	is "$status" 0 "$test_name: done" || show_file err err
	[ "$(cut -d' ' -f3 used)" -le 49152 ]
	is $? 0 "$test_name: $(cut -d' ' -f3 used) KiB"
}
in_little "seg-upload -z" files seg-upload --create -z1 -j 16
cp out names
is "$(cut -f 5 names | sort | uniq -c | tr -d ' \n')" "116-" "compressed"
in_little "compared" files seg-upload -z1 -j 16
in_little "seg-fetch" names seg-fetch -j 16 -d whole
same "$(sed -n 16p files)" "whole/$(sed -n '16s/^work.//p' files)" "whole"
in_little "seg-verify" names seg-verify -j 16
in_little "seg-verify --restore" names seg-verify --restore -j 16
in_little "seg-fetch -l" names seg-fetch -l -j 16 -d lazy
in_little "seg-query" names seg-query 'SELECT 1'

# A table of 160 MiB, a row on each page, scanned: at most 64 MiB besides the
# cache, which has 64 MiB by itself.
rm -rf store work whole lazy
mkdir store
sqlite3 big.db 'CREATE TABLE t(x);
	WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 40960)
	INSERT INTO t SELECT zeroblob(4000) FROM n'
ok "a large database" sh -c 'seg-cut -d work big big.db | seg-upload -m >names'
[ "$(wc -c <big.db)" -gt 134217728 ]
is $? 0 "larger than what is allowed"
# scanned DESC KIB OPTION...
scanned() {
	test_name=$1 test_kib=$2
	shift 2
	run rusage used seg-query "$@" 'SELECT count(*), sum(length(x)) FROM t' \
		<names
	is "$(cat out)" "40960	163840000" "$test_name: all of it" ||
		show_file err err
	[ "$(cut -d' ' -f3 used)" -le "$test_kib" ]
	is $? 0 "$test_name: $(cut -d' ' -f3 used) KiB"
}
scanned "seg-query, a scan" 131072
scanned "seg-query, a cache of 8 MiB" 73728 --cache 8388608
scanned "seg-query, no cache" 65536 --cache 0
done_testing
