#!/bin/sh
# Objects that libsql-wal wrote (data/real), or that follow its source
# (data/segments), of both layouts: fetched whole, and lazily.
. "$(dirname "$0")/lib.sh"

data=$TOP/tests/data

# whole STORE CLUSTER: everything in it, byte for byte
whole() {
	rm -rf o
	seg-list -s "$data/$1" -C "$2" >names
	ok "$1: fetch" sh -c "seg-fetch -s '$data/$1' -C $2 -d o <names"
	cp out files
	is "$(grep -c seg files)" \
		"$(find "$data/$1/v2" -path '*/namespaces/*/indexes/*' -type f | wc -l)" \
		"$1: all of it"
	find "$data/$1" -path '*/namespaces/*/segments/*' -type f >objects
	bad=
	while read -r object; do
		found=$(find o -name "${object##*/}.seg")
		cmp -s "$object" "$found" || bad="$bad $object"
	done <objects
	is "$bad" "" "$1: the data, byte for byte"
}

# as_merged STORE CLUSTER: lazily what seg-merge makes of the files
as_merged() {
	rm -rf l m
	seg-merge -d m <files >merged
	ok "$1: fetch -l" sh -c "seg-fetch -l -s '$data/$1' -C $2 -d l <names"
	ok "$1: the same as merged" diff -r l m
}

whole real real
empty err "nothing to say"
as_merged real real
whole segments/source c1
as_merged segments/source c1
found=$(find "$data/segments/merged_1_5_trimmed" -path '*/namespaces/*/segments/*' -type f)
cmp -l "$found" "$(find l -name '*.seg')" | awk '
	$1 > 30 && $1 <= 62 { next } $1 > 60 { n++ } END { print n + 0 }' >n
ok "the frames of the golden merge" test "$(cat n)" -le 4
for s in source_grow ambiguous_old ambiguous_later later_segment3 \
	later_merged_1_4; do
	whole segments/$s c1
done

# The index of a merge of merges points to other pages (made from the data).
whole segments/later_merged_twice c1
ok "its files restore" sh -c 'seg-restore x.db <files'

# A set with a wrong index: old and later layout side by side, lazily.
mkdir store
cp -R "$data/segments/later_merged_twice/v2" store/v2
cp -R "$data/segments/source/v2/clusters/c1/namespaces/ns1" .
for part in segments indexes; do
	cp "$(find ns1/$part -name '*-00000000000000000024-*')" \
		store/v2/clusters/c1/namespaces/ns1/$part/
done
chmod -R u+w store
export SEG_STORE="$T/store" SEG_CLUSTER=c1
seg-list >names
seg-fetch -d o2 <names >files 2>err
rm -rf l m
seg-merge -d m <files >merged
ok "a wrong index" sh -c 'seg-fetch -l -d l <names'
err_like "segments/.*: fetched whole" "is noticed"
key=$(sed -n '1s,^m/\([^	]*\).seg.*,\1,p' merged)
same "l/$key.seg" "m/$key.seg" "the merge is right"
same "l/$key.idx" "m/$key.idx" "and its index"
done_testing
