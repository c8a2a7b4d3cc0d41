#!/bin/sh
# seg-dump: every kind of file, line by line.
. "$(dirname "$0")/lib.sh"

D=$TOP/tests/data
ns=v2/clusters/c1/namespaces/ns1
key=18446744073709551600-00000000000000000010-00000001726000061000
old=$D/segments/source/$ns/segments/$key
idx=$D/segments/source/$ns/indexes/$key
later=$D/segments/later_segment3/$ns/segments/$key

ok "an object" seg-dump "$old"
tab=$(printf '\t')
is "$(sed 1d out)" "layout${tab}old
start${tab}10
end${tab}15
time-ms${tab}1726000061000
time${tab}2024-09-10T20:27:41.000Z
segment-id${tab}03eeddccbbaa99887766554433221100
database-checksum${tab}no
size-after${tab}9
page-size${tab}4096
frames${tab}5
frame${tab}0${tab}page${tab}1${tab}number${tab}10
frame${tab}1${tab}page${tab}3${tab}number${tab}14
frame${tab}2${tab}page${tab}7${tab}number${tab}11
frame${tab}3${tab}page${tab}8${tab}number${tab}12
frame${tab}4${tab}page${tab}9${tab}number${tab}15
checksums${tab}good" "all that is in it"
cp out whole
ok "its header" seg-dump -H "$old"
is "$(cat out)" "$(head -n 11 whole)" "alone"
ok "the later layout" seg-dump "$later"
is "$(sed -n '2p;7p' out)" "layout${tab}later
log-id${tab}000102030405060708090a0b0c0d0e0f" "with what differs"
is "$(grep ^frame out | sed 1d)" "$(grep ^frame whole | sed 1d)" \
	"and the same frames"
ok "an index" seg-dump "$idx"
is "$(sed 1d out)" "header${tab}yes
fst-bytes${tab}59
keys${tab}5
root${tab}38
entry${tab}page${tab}1${tab}frame${tab}0
entry${tab}page${tab}3${tab}frame${tab}1
entry${tab}page${tab}7${tab}frame${tab}2
entry${tab}page${tab}8${tab}frame${tab}3
entry${tab}page${tab}9${tab}frame${tab}4" "all that is in it"
ok "a bare FST" seg-dump "$D/fst/three_1_2_300.fst"
is "$(sed -n '2p;$p' out)" "header${tab}none
entry${tab}page${tab}300${tab}frame${tab}2" "is shown"

make_db db 50
ok "a cut" seg-cut -d work shop db
ok "its memory" seg-dump work/shop/cut.memory
out_like "^end${tab}[0-9]+$" "the last cut"
is "$(sed -n "s/^pages$tab//p" out)" \
	"$(sqlite3 db 'PRAGMA page_count')" "the size of the database"
ok "its data" seg-dump -H work/shop/*.seg
out_like "^database-checksum${tab}yes$" "has a database checksum"

{
	head -c 20000 "$old"
	echo x
	tail -c +20003 "$old"
} >bad
must_fail 1 seg-dump bad
is "$(tail -n 1 out)" "checksums${tab}BAD" "a damaged one: what can be read"
err_like '^seg-dump: bad: its checksum is wrong' "and what is wrong"
head -c 100 "$old" >short
must_fail 1 seg-dump short
must_fail 1 seg-dump nothing
err_like '^seg-dump: nothing: no such file' "named"
: >empty
must_fail 1 seg-dump empty
must_fail 1 seg-dump "$TOP/Makefile"
must_fail 2 seg-dump
# What stdio's buffer does not hold fails before the end.
# shellcheck disable=SC2046
must_fail 3 sh -c 'seg-dump "$@" >/dev/full' sh $(yes "$old" | head -n 50)
is "$(cat err)" "seg-dump: standard output: No space left on device" \
	"a full disk, said once"
ok "one bad file does not hold up the others" sh -c \
	'! seg-dump nothing "$1" >kept && grep -q "^checksums" kept' sh "$old"
# The id of one that libsql wrote is a UUID, whichever way round it is stored.
real=$(find "$TOP/tests/data/real" -path '*segments*' -type f | sort | tail -n 1)
ok "one of libsql's" seg-dump -H "$real"
id=$(sed -n 's/^segment-id	//p' out)
is "$(sed -n 's/^uuid	//p' out | tr -d '-')" \
	"$(printf '%s' "$id" | fold -w 2 | tac | tr -d '\n')" "its UUID"
out_like '^uuid	[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$' \
	"as text"

done_testing
