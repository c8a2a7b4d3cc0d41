#!/bin/sh
# seg-upload on a directory store: the rules of the history, nothing
# overwritten, data before indexes, failures.
. "$(dirname "$0")/lib.sh"

SEG_STORE=$T/store
export SEG_STORE
objects=store/v2/clusters/default/namespaces

mkseg work shop 1 50 1000 50 1 50 >f1
mkseg work shop 51 60 2000 50 3 10 4 2 >f2
mkseg work shop 61 65 3000 50 10 5 1 3 >f3
name() {
	sed 's,.*/\([^/]*/[^/]*\)\.seg$,\1,' "$1"
}

must_fail 2 seg-upload "$(cat f1)"
absent store
mkdir store
ok "dry run" seg-upload -n "$(cat f1)"
is "$(cut -f 1 out)" "$(name f1)" "prints the name"
is "$(find store -type f)" "" "puts nothing"
rmdir store
ok "--create" seg-upload --create "$(cat f2)" "$(cat f1)" "$(cat f1)"
is "$(cut -f 1 out)" "$(name f1)
$(name f2)" "prints names in frame order, each once"
for i in 1 2; do
	n=$(name f$i)
	same "$(cat f$i)" "$objects/shop/segments/${n#*/}" "data of $i"
	same "$(sed s/seg$/idx/ f$i)" "$objects/shop/indexes/${n#*/}" "index of $i"
done
find store -type f -printf '%p %i %T@\n' | sort >before
ok "again" seg-upload "$(cat f1)" "$(cat f2)"
find store -type f -printf '%p %i %T@\n' | sort >after
same before after "changes nothing"
is "$(cut -f 1 out)" "$(name f1)
$(name f2)" "prints the names"
no_leftovers store

# other content under the same key
mkseg other shop 51 60 2000 50 3 10 4 99 >o2
must_fail 1 seg-upload "$(cat o2)"
err_like "exists with other content" "says so"
is "$(cat out)" "!" "a failed set"
must_fail 1 seg-upload -F "$(cat o2)"
find store -type f -printf '%p %i %T@\n' | sort >after
same before after "nothing is overwritten, even with -F"
# What comes in the moment before the object gets its name.
mkseg new late 1 9 1000 50 1 4 >l1
mkseg other late 1 9 1000 50 1 4 1 99 >l2
n=$(name l1)
mkdir apart
late=apart${objects#store}/late/segments/${n#*/}
must_fail 1 fs FS_RUN="renameat2@late/segments/=cp $(cat l2) $late" \
	seg-upload -s apart "$(cat l1)"
err_like "late/segments/.*: exists with other content$" "what came meanwhile is no less there"
same "$(cat l2)" "$late" "and stays"

# One that is bad keeps back what follows it, though the store could take that.
mkseg work behind 1 2 1000 9 1 2 >b1
mkseg work behind 3 4 2000 9 3 2 >b2
ok "two" seg-upload -s apart "$(cat b1)" "$(cat b2)"
mkseg work behind 1 4 2000 9 1 4 >merged
mkseg work behind 5 8 3000 9 1 4 >next
merged=$(cat merged)
printf x | dd of="$merged" bs=1 seek=3 conv=notrunc 2>/dev/null
must_fail 1 seg-upload -s apart "$(cat merged)" "$(cat next)"
err_like "$(name merged).*: no segment: " "a bad one"
err_like "$(name next).*: not published, since one before it failed$" "and one behind it"
is "$(find apart -path "*/behind/*/$(basename "$(name next)")")" "" "of which nothing is put"

# the history
mkseg work shop 62 70 4000 50 1 4 >gap
mkseg work shop 60 70 4000 50 1 4 >lap
mkseg work shop 55 60 2000 50 1 4 >fork
must_fail 1 seg-upload "$(cat gap)"
err_like "gap" "a gap"
must_fail 1 seg-upload "$(cat lap)"
err_like "overlaps" "an overlap"
must_fail 1 seg-upload "$(cat fork)"
err_like "neither extends" "a fork"
mkseg work new 2 9 1 50 1 4 >late
must_fail 1 seg-upload "$(cat late)"
find store -type f -printf '%p %i %T@\n' | sort >after
same before after "refused before anything is put"
mkseg work shop 1 60 2001 50 1 50 >wrongtime
must_fail 1 seg-upload "$(cat wrongtime)"
err_like "TIME" "a merge with another TIME"
mkseg work shop 1 60 2000 50 1 50 1 2 >merged
ok "a merge" seg-upload "$(cat merged)"
ok "a dry run of what extends" seg-upload -n "$(cat f3)"
# it continues the END before its first frame number
mkseg work shop 1 109 5000 50 1 50 1 7 >behind
must_fail 1 seg-upload "$(cat behind)"
err_like "refused: the END that it continues has been continued since" \
	"a full cut of a state that somebody went on from"
mkseg work shop 1 110 5000 50 1 50 1 7 >full
ok "a full cut" seg-upload "$(cat full)"
must_fail 1 seg-upload "$(cat f3)"
ok "-F" seg-upload -F "$(cat f3)"
ok "a chain and its merge in one set" sh -c '
	mkseg work two 1 5 1 9 1 3 >a; mkseg work two 6 9 2 9 1 3 >b
	mkseg work two 1 9 2 9 1 3 >c; mkseg work two 10 12 3 9 1 3 >d
	seg-upload $(cat d c b a)'
is "$(cut -f 2,3 out | tr '\t' - | tr '\n' ' ')" "1-5 1-9 6-9 10-12  " \
	"frame order"

# a failure: nothing later of that namespace, in later sets neither, since that
# would leave a gap
rm -rf store work
mkdir store
{
	for e in 5 10 15 20; do mkseg work bad $((e - 4)) "$e" "$e" 9 1 3; done
	echo
	mkseg work good 1 5 1 9 1 3
	mkseg work bad 21 25 25 9 1 3
	echo
	mkseg work good 6 9 2 9 1 3
	echo
} >in
printf x | dd of="$(sed -n 2p in)" bs=1 seek=5000 conv=notrunc 2>/dev/null
must_fail 1 sh -c 'seg-upload -m <in'
grep -v "^$" out | cut -f 1-3 | sed 's,/.*	\(.*\)	\(.*\)$, \1 \2,' >got
is "$(cat got)" "bad 1 5
!
good 1 5
!
good 6 9" "what was published"
is "$(find $objects/bad/indexes -type f | wc -l)" 1 "one index"
is "$(find work -name '*.seg' | wc -l)" 4 "-m removed what was published alone"
is "$(find work -name '*.idx' | wc -l)" 4 "and its index"
is "$(grep -c 'one before it failed' err)" 2 "each is reported"
err_like "bad/.*-00000000000000000021-.*would leave a gap" "in the second set too"

# missing and damaged files
mkseg work x 1 5 1 9 1 3 >f
rm "$(sed s/seg$/idx/ f)"
must_fail 1 seg-upload "$(cat f)"
err_like "idx: no such file.*seg-verify -r" "a missing index: a hint"
must_fail 1 seg-upload work/x/18446744073709551000-00000000000000000001-00000000000000000001.seg
must_fail 2 seg-upload work/x/nothing.seg
must_fail 1 sh -c 'echo work/x/nothing.seg | seg-upload -e'
absent $objects/x
ok "an empty set" sh -c 'echo | seg-upload'
is "$(wc -c <out)" 1 "is answered by one"
must_fail 1 sh -c 'mkseg work y 1 5 1 9 1 3 >y; { cat y; echo "!"; } | seg-upload'
is "$(cat out)" "!" "a failed set is passed on"
absent $objects/y
must_fail 1 sh -c 'seg-upload <y'
absent $objects/y

# both files of a pair are one segment
mkseg twice x 1 5 1 9 1 3 >f
sed -i 'p; s/seg$/idx/' f
dd if=/dev/zero of="$(head -n 1 f)" bs=1 seek=200 count=8 conv=notrunc 2>/dev/null
must_fail 1 sh -c '{ cat f; echo; } | seg-upload'
is "$(wc -l <err)" 1 "what is wrong with it is said once"
# a set that fails at its end does not hide how its items failed
ln -s loop twice/x/loop
ln -sf loop "$(head -n 1 f)"
must_fail 2 sh -c '{ cat f; echo; } | seg-upload'
must_fail 2 sh -c '{ cat f; echo "!"; } | seg-upload'
must_fail 2 sh -c 'seg-upload <f'

# killed at any moment, the rerun completes
for e in $(seq 5 5 400); do mkseg kill shop $((e - 4)) "$e" "$e" 9 1 3; done >many
echo >>many
rm -rf store
for i in 1 2 3 4 5 6 7 8; do
	seg-upload --create <many >/dev/null 2>&1 &
	pid=$!
	sleep 0.0$i
	kill -KILL $pid 2>/dev/null
	wait $pid 2>/dev/null
	for index in "$objects"/shop/indexes/*; do
		[ -f "$index" ] || continue
		[ -f "$objects/shop/segments/${index##*/}" ] ||
			fail "an index without its data"
	done
done
ok "the rerun" sh -c 'seg-upload --create <many'
is "$(find $objects/shop/indexes -type f | wc -l)" 80 "completes"
no_leftovers store
# Cuts with one missing between them, all of them new
mkseg holed gap 1 5 100 5 1 5 >gap.1
mkseg holed gap 6 7 200 5 1 2 >gap.2
mkseg holed gap 8 10 300 5 1 3 >gap.3
must_fail 1 seg-upload "$(cat gap.1)" "$(cat gap.3)"
is "$(seg-list gap | cut -f 2-3 | tr '\t\n' -\ )" "1-5  " "what would leave a hole is not published"
# A merge that says of the state another checksum than the cut with its END
mkseg summing sums 1 5 100 5 1 5 1 1 11 >sum.1
mkseg summing sums 6 7 200 5 1 2 1 2 22 >sum.2
mkseg summed sums 1 7 200 5 1 5 1 3 33 >sum.3
ok "two cuts" seg-upload "$(cat sum.1)" "$(cat sum.2)"
must_fail 1 seg-upload "$(cat sum.3)"
err_like 'its database checksum is not that of the segment with the same END' "another state's"
ok "-n -m" seg-upload -n -m "$(cat gap.2)" "$(cat gap.3)"
ok "removes nothing" test -f "$(cat gap.2)" -a -f "$(cat gap.3)"
done_testing
