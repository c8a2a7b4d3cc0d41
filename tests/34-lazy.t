#!/bin/sh
# seg-fetch -l: the merge of a set, from as few bytes as it takes.
. "$(dirname "$0")/lib.sh"

SEG_STORE=$T/store
export SEG_STORE
objects=store/v2/clusters/default/namespaces/shop

# sames DESC: lazily the same bytes as by seg-merge, of the names in the file plan
sames() {
	rm -rf l o m
	ok "$1: fetched lazily" sh -c 'seg-fetch -l -d l <plan'
	cp out lazy
	seg-fetch -d o <plan >files && seg-merge -d m <files >merged
	is "$(cut -f 2- lazy)" "$(cut -f 2- merged)" "$1: the record"
	ok "$1: the files" diff -r l m
	no_leftovers l
}

{
	mkseg work shop 1 500 1000 500 1 500
	mkseg work shop 501 600 2000 500 3 100 4 2
	mkseg work shop 601 605 3000 400 10 5 1 3
	mkseg work shop 606 650 4000 600 390 45 3 4
	mkseg work shop 651 651 5000 600 1 1 1 5
	echo
} >f
seg-upload --create <f >plan
sames "a shrink and a growth"
{ sed -n 2,4p plan; echo; } >part
cp plan all
cp part plan
sames "not from 1"
cp all plan
grep . all | sort -R >shuffled
{ cat shuffled shuffled; echo; } >plan
sames "in any order, twice"
cp all plan
find l -type f -printf '%p %i\n' | sort >before
ok "again" sh -c 'seg-fetch -l -d l <plan'
find l -type f -printf '%p %i\n' | sort >after
same before after "what is there is not fetched again"

# a set of one, of none
sed -n 1p all >one
echo >>one
rm -rf l
ok "one" sh -c 'seg-fetch -l -d l <one'
is "$(find l -name '*.seg' -exec basename {} .seg \;)" \
	"$(sed -n '1s,shop/\([^	]*\).*,\1,p' all)" "passes through"
ok "none" sh -c 'echo | seg-fetch -l -d l'
is "$(wc -c <out)" 1 "an empty set"

# what is no set
must_fail 1 sh -c 'sed 3d all | seg-fetch -l -d x'
err_like "frames 601-605 are missing" "a hole"
mkseg work shop 1 600 2000 500 1 500 >w
seg-upload -F "$(cat w)" >wide
must_fail 1 sh -c '{ cat wide; sed -n 2,4p all; } | grep . | seg-fetch -e -l -d x'
err_like "overlap" "an overlap"
mkseg work two 1 5 1 9 1 3 >w
seg-upload "$(cat w)" >two
must_fail 1 sh -c 'cat all two | grep . | seg-fetch -e -l -d x'
err_like "two namespaces" "two namespaces"
must_fail 1 sh -c 'grep . all | seg-fetch -l -d x'
is "$(find x -type f 2>/dev/null)" "" "nothing was made"

# indexes that are missing, damaged, or of another segment
k=$(sed -n '2s,shop/\([^	]*\).*,\1,p' all)
k1=$(sed -n '1s,shop/\([^	]*\).*,\1,p' all)
cp "$objects/indexes/$k" index
seg-fetch -d o <all >files && seg-merge -d m <files >merged
merged=$(cut -f 1 merged | sed -n '1s/m.//p')
for damage in missing cut flipped other; do
	rm -rf l "$objects/indexes/$k"
	case $damage in
	cut) head -c 40 index >"$objects/indexes/$k" ;;
	flipped)
		cp index "$objects/indexes/$k"
		printf x | dd of="$objects/indexes/$k" bs=1 seek=30 \
			conv=notrunc 2>/dev/null
		;;
	other) cp "$objects/indexes/$k1" "$objects/indexes/$k" ;;
	esac
	ok "an index $damage" sh -c 'seg-fetch -l -d l <all'
	err_like "segments/$k: fetched whole" "said"
	same "l/$merged" "m/$merged" "the merge is right"
done
cp index "$objects/indexes/$k"

# data that is missing, cut, or has another page where the index says
cp "$objects/segments/$k" data
rm -rf l
printf x | dd of="$objects/segments/$k" bs=1 seek=$((60 + 4112)) conv=notrunc 2>/dev/null
must_fail 1 sh -c 'seg-fetch -l -d l <all'
is "$(find l -name '*.seg')" "" "nothing was made"
head -c 5000 data >"$objects/segments/$k"
must_fail 1 sh -c 'seg-fetch -l -d l <all'
rm "$objects/segments/$k"
must_fail 1 sh -c 'seg-fetch -l -d l <all'
err_like "segments/$k: not in the store" "named"
is "$(find l -name '*.seg')" "" "nothing was made"
no_leftovers l
cp data "$objects/segments/$k"

# more than a chunk: 3 x 8000 pages, interleaved
rm -rf work store
{
	mkseg work big 1 8000 1 30000 1 8000 3 1
	mkseg work big 8001 16000 2 30000 2 8000 3 2
	mkseg work big 16001 24000 3 30000 3 8000 3 3
	mkseg work big 24001 24400 4 30000 50 400 50 4
	echo
} >f
seg-upload --create <f >plan
sames "chunks"
done_testing
