#!/bin/sh
# Objects that libsql-wal wrote (data/real), and objects made after its source
# (data/segments): read, merged and restored to the images that stand there.
. "$(dirname "$0")/lib.sh"

D=$TOP/tests/data

# --- a history of libsql-wal, and the image after each of its segments
SEG_STORE=$D/real SEG_CLUSTER=real
export SEG_STORE SEG_CLUSTER
n=0
while read -r frame sum; do
	n=$((n + 1))
	sh -c "seg-list shop | seg-plan -f $frame | seg-fetch -d work |
		seg-restore real.$frame" 2>err
	is "$(sha256sum <"real.$frame" | cut -d' ' -f1)" "$sum" \
		"the image after frame $frame"
	[ "$n" = 1 ] && continue
	sh -c "seg-list shop | seg-plan -f $frame | seg-fetch -d work |
		seg-merge -d merged | seg-restore merged.$frame" 2>err
	same "real.$frame" "merged.$frame" "and from one merge of its segments"
	is "$(sqlite3 "file:merged.$frame?immutable=1" 'PRAGMA integrity_check')" \
		ok "which SQLite finds whole"
done <<'EOF'
12 96985b11d797a9e6cd34ada1a66962ed2466100475698c847cf8f2d6fef7ac85
25 cd82fe4cec418e562b9acd227bf644650debb700821442d90fe55720da8bd9bb
26 ad09b57c0feded544f74d36db6cdafdf3f0718687ead4bffec9dbd4f51603172
56 d7d5882b93a3fa838cc6c3639f6bb3155315a8e6fef0073367d3e37d0e23f1cd
64 6e06c1db78f7bd127df3ba4716f76abf0bcc32c80038690db7459fb7ec465385
73 30b52228d97ae7d578b6680680cfb94103068bca1f14b5c71cea9e5457a436d5
94 1a8a6953f27d12470c4aa858c4fdad7781be9fe2ef87584251b2536e75b2d00e
130 17b920fc00ee75551592a8c64aa26dc489328cab49a78ae1073bdb460f730f21
139 4aeb05f8f17eea57c6677ac4cddbc878f3f29d9dfde0a2a81a9c814b8edabd82
149 8ab4a051f37ab48f68f4fbd5fd6d620b94ab25fd2a89e4b3a160791df2545a0b
EOF

# --- objects after the source: SET is a directory of data/segments
SEG_CLUSTER=c1
unset SEG_STORE

fetch() { # fetch SET... DIR: into DIR, as one set in $T/paths
	for last; do :; done
	: >names
	while [ $# -gt 1 ]; do
		seg-list -s "$D/segments/$1" ns1 >list 2>err || return 1
		set_of list | seg-fetch -e -s "$D/segments/$1" -d "$last" \
			>fetched 2>err || return 1
		set_of fetched >>names
		shift
	done
}
object() { # object SET PART: the path of the only object of a SET
	find "$D/segments/$1" -path "*/ns1/$2/*" -type f
}

fetch source five
ok "the five are restored" seg-restore -e five.img <names
same five.img "$D/segments/restored_1_5_trimmed.img" "to their image"
ok "the five are merged" seg-merge -e -d five_merged <names
merged=$(set_of out | cut -f1)
want=$(object merged_1_5_trimmed segments)
is "${merged##*/}" "${want##*/}.seg" "under the right key"
# The id (bytes 14 to 29) is the last input's, and the footer covers it.
cut_id() {
	head -c 14 "$1"
	tail -c +31 "$1" | head -c -4
}
cut_id "$merged" >a
cut_id "$want" >b
same a b "the same header and frames"
same "${merged%.seg}.idx" "$(object merged_1_5_trimmed indexes)" \
	"the same index, byte for byte"
id() {
	tail -c +15 "$1" | head -c 16
}
id "$merged" >a
id "$(tail -n 1 names | cut -f1)" >b
same a b "the id of the last input"
cp "$merged" first
rm "$merged"
ok "merged once more, in another order" sh -c \
	'sort -r names | seg-merge -e -d five_merged'
same "$merged" first "the same bytes"

fetch merged_1_5_rust rust
ok "an untrimmed merge" seg-restore -e rust.img <names
same rust.img "$D/segments/restored_1_5_trimmed.img" "is restored trimmed"

fetch source four
head -n 4 names >four.names
ok "four of the five are merged" seg-merge -e -d four_merged <four.names
merged=$(set_of out | cut -f1)
cut_id "$merged" >a
cut_id "$(object merged_1_4 segments)" >b
same a b "to the bytes that both rules give"
ok "and restored" seg-restore four.img "$merged"
same four.img "$D/segments/restored_1_4.img" "to their image"

fetch source source_grow grown
ok "shrunk and grown again" seg-restore -e grown.img <names
is "$(size grown.img)" 32768 "is eight pages"
is "$(tail -c +20481 grown.img | head -c 8192 | tr -d '\0' | wc -c)" 0 \
	"the pages that no one wrote since are empty"
ok "and merged" seg-merge -e -d grown_merged <names
set_of out >names
ok "and restored" seg-restore -e grown2.img <names
same grown.img grown2.img "to the same"

# --- the later layout
for set in later_merged_1_4 later_merged_twice; do
	fetch $set $set
	ok "$set is restored" seg-restore -e $set.img <names
	same $set.img "$D/segments/restored_1_4.img" "to its image"
done
# In place of the third segment of the five, in the other layout.
fetch source m
sed -n '1,2p;4p' names >mixed.names
fetch later_segment3 m3
cat names >>mixed.names
ok "both layouts in one set" seg-restore -e mixed.img <mixed.names
same mixed.img "$D/segments/restored_1_4.img" "to the same image"
ok "and merged" seg-merge -e -d mixed_merged <mixed.names
set_of out >names
ok "and restored" seg-restore -F -e mixed.img <names
same mixed.img "$D/segments/restored_1_4.img" "to the same image"

# --- which layout: two objects made to be mistaken for the other
for set in ambiguous_old ambiguous_later; do
	fetch $set $set
	path=$(cut -f1 names)
	mkdir store.$set
	ok "$set is whole" seg-upload -n -F -s store.$set "$path"
	cp "$path" whole
	for byte in 20 100 4180 8280; do
		rm "$path"
		{
			head -c $byte whole
			tail -c +$((byte + 1)) whole | head -c 1 |
				tr '\000-\377' '\001-\377\000'
			tail -c +$((byte + 2)) whole
		} >"$path"
		must_fail 1 seg-upload -n -F -s store.$set "$path"
		err_like "^seg-upload: $path: " "byte $byte changed: named"
	done
done
done_testing
