#!/bin/sh
# seg-verify: files and objects, whole and damaged; holes and forks; indexes.
. "$(dirname "$0")/lib.sh"

D=$TOP/tests/data
SEG_CLUSTER=real
export SEG_CLUSTER
cp -R "$D/real" store && chmod -R u+w store
SEG_STORE=$T/store
export SEG_STORE
ok "fetched" sh -c 'seg-list shop | seg-fetch -d work >paths'
seg-list shop >names

ok "all files are good" seg-verify <paths
same out paths "and printed"
ok "all objects are good" seg-verify <names
same out names "and printed"
ok "in any order" sh -c 'sort -r names | seg-verify -e'
same out names "printed in frame order"
ok "a set that does not begin at 1" sh -c 'tail -n 4 names | seg-verify -e'
ok "with a merge" sh -c '{ set=$(seg-merge <paths); cat paths; echo "$set"; } |
	grep . | seg-verify -e'
is "$(wc -l <out)" 12 "eleven are printed"
must_fail 1 sh -c 'sed 3d names | seg-verify'
err_like '^seg-verify: shop: frame 26 is missing$' "a hole"
is "$(tail -n 1 out)" '!' "the set failed"
is "$(wc -l <out)" 10 "the good ones are printed"
ok "a sample" sh -c 'seg-verify --sample 30 <names'
[ "$(wc -l <out)" -lt 11 ]
is $? 0 "is fewer"

# --- each kind of damage, to a file and to an object
key=$(sed -n 2p names | cut -f1)
key=${key#*/}
seg=work/shop/$key.seg
idx=work/shop/$key.idx
obj=store/v2/clusters/real/namespaces/shop/segments/$key
obx=store/v2/clusters/real/namespaces/shop/indexes/$key
cp "$seg" seg
cp "$idx" idx
flip() { # flip FROM BYTE TO
	{
		head -c "$2" "$1"
		tail -c +$(($2 + 1)) "$1" | head -c 1 |
			tr '\000-\377' '\001-\377\000'
		tail -c +$(($2 + 2)) "$1"
	} >"$3"
}
damaged() { # damaged DESC
	must_fail 1 seg-verify <paths
	err_like "^seg-verify: work/shop/$key.(seg|idx): " "file: $1"
	is "$(grep -c "$key" out) $(grep -c . out)" "0 10" "it is not printed"
	cp "$seg" "$obj"
	cp "$idx" "$obx"
	must_fail 1 seg-verify <names
	err_like "^seg-verify: v2/.*$key: " "object: $1"
	is "$(grep -c "$key" out) $(grep -c . out)" "0 10" "it is not printed"
}
for byte in 0 8 10 20 30 38 46 50 52 60 64 68 76 4000 49404 49407; do
	flip seg $byte "$seg"
	damaged "byte $byte of the data"
done
cp seg "$seg"
for byte in 0 8 10 18 22 30 40 $(($(size idx) - 1)); do
	flip idx "$byte" "$idx"
	damaged "byte $byte of the index"
done
cp idx "$idx"
for n in 0 1 59 60 63 64 4175 49407; do
	head -c $n seg >"$seg"
	damaged "data of $n bytes"
done
{
	cat seg
	echo
} >"$seg"
damaged "data that is too long"
cp seg "$seg"
for n in 0 21 22 57; do
	head -c $n idx >"$idx"
	damaged "an index of $n bytes"
done
other=$(sed -n 3p names | cut -f1)
cp "work/shop/${other#*/}.idx" "$idx"
damaged "another's index"
cp idx "$idx"
cp "work/shop/${other#*/}.seg" "$seg"
damaged "another's data"
cp seg "$seg"
cp seg "$obj"
cp idx "$obx"

# --- what is not there
rm "$idx"
must_fail 1 seg-verify "$seg"
err_like "^seg-verify: $idx: no such file" "no index"
ok "it is rebuilt" seg-verify -r "$seg"
same "$idx" idx "byte for byte"
flip idx 30 "$idx"
ok "a bad one too" seg-verify -r "$seg"
same "$idx" idx "byte for byte"
touch -d 2020-01-01 "$idx"
ok "a good one" seg-verify -r "$seg"
is "$(stat -c %Y "$idx")" 1577836800 "is left alone"
flip seg 4000 "$seg"
rm "$idx"
must_fail 1 seg-verify -r "$seg"
absent "$idx"
rm "$seg"
must_fail 1 seg-verify "$seg"
err_like "^seg-verify: $seg: no such file" "no file"
rm "$obj"
must_fail 1 seg-verify "shop/$key"
err_like "segments/$key: not in the store" "no data object"
rm "$obx"
must_fail 1 seg-verify "shop/$key"
err_like "indexes/$key: not in the store" "no index object"
must_fail 2 seg-verify -s nowhere "shop/$key"
must_fail 2 seg-verify work/shop/nothing

# --- a fork
mkdir -p fork/shop
n=$(sed -n 1p names | cut -f1)
n=${n#*/}
for ext in seg idx; do
	cp "work/shop/$n.$ext" "fork/shop/${n%?????}99999.$ext"
done
ok "a history of one" seg-verify "work/shop/$n.seg"
must_fail 1 seg-verify "work/shop/$n.seg" "fork/shop/${n%?????}99999.seg"

# Two whole segments that say different things of the state after one END: each
# is good by itself, and so is each way to it.
# fork DESC STATUS TIME SUM: beside 1-5, 6-10 at 2000 and of checksum 7, one
# that is 1-10, at TIME and of checksum SUM
fork() {
	rm -rf fork store2
	{
		mkseg fork shop 1 5 1000 9 1 5 1 1
		mkseg fork shop 6 10 2000 9 1 3 1 2 "$4"
		mkseg fork shop 1 10 "$3" 9 1 5 1 3 "${5-$4}"
		echo
	} >three
	seg-upload -s store2 --create -F <three >three2 2>/dev/null
	is "$(grep -c . three2)" 3 "$1: all are published"
	for n in 1 2 3; do
		ok "one by itself" seg-verify "$(sed -n ${n}p three)"
	done
	for input in three three2; do
		if [ "$2" = 0 ]; then
			ok "$1: $input" seg-verify -s store2 <$input
		else
			must_fail "$2" seg-verify -s store2 <$input
			err_like '^seg-verify: shop: a fork: .* end with different states$' \
				"$1: $input"
			is "$(tail -n 1 out)" '!' "the set failed"
		fi
		is "$(grep -c shop out)" 3 "all three are printed"
	done
}
fork "another TIME" 1 3000 ''
fork "another database checksum" 1 2000 7 8
{ # one without a checksum between them
	mkseg w3 shop 1 10 2000 9 1 5 1 1 7
	mkseg w3 shop 3 10 2000 9 1 5 1 1
	mkseg w3 shop 5 10 2000 9 1 5 1 1 8
} >paths3
must_fail 1 seg-verify -e <paths3
is "$(grep -c 'a fork: ' err)" 1 "two that are no neighbours"
fork "the same one" 0 2000 7
fork "one without" 0 2000 7 ''
fork "none with" 0 2000 ''

# --- the later layout, whose index may be wrong
# and alone knows how many frames there are
at=$D/segments/later_merged_1_4/v2/clusters/c1/namespaces/ns1
mkdir -p later/ns1
for f in "$at"/segments/*; do
	key=${f##*/}
	cp "$at/indexes/$key" "later/ns1/$key.idx"
	head -c $(($(size "$f") - 4116)) "$f" >"later/ns1/$key.seg"
	must_fail 1 seg-verify "later/ns1/$key.seg"
	err_like ': cut short: it has [0-9]+ pages, its index has [0-9]+$' "a frame less: said"
done
SEG_CLUSTER=c1
ok "a later merge" sh -c "seg-list -s '$D/segments/later_merged_1_4' ns1 |
	seg-verify -s '$D/segments/later_merged_1_4'"
must_fail 1 sh -c "seg-list -s '$D/segments/later_merged_twice' ns1 |
	seg-verify -s '$D/segments/later_merged_twice'"
err_like 'indexes/.*says that page 2 is in frame 8, the data has page 2 in frame 12' \
	"a wrong index is told"
# --- a drill: would the newest state come back?
rm -rf drill
mkdir drill drill/store
make_db drill/a.db 400
sql drill/a.db 'CREATE TABLE still AS SELECT zeroblob(9000) AS b'
for i in 1 2 3 4; do
	seg-cut -d drill/w shop drill/a.db >>drill/list
	sql drill/a.db "UPDATE t SET v = 'round $i' WHERE id % 5 = $i"
done
sql drill/a.db 'DELETE FROM t WHERE id > 90'
seg-cut -d drill/w shop drill/a.db >>drill/list
ok "upload" sh -c 'seg-upload -e -s drill/store <drill/list >/dev/null'
ok "files" sh -c 'seg-verify --restore drill/w/shop/*.seg'
is "$(grep -c shop out)" 5 "all are good"
ok "objects" sh -c 'seg-list -s drill/store shop | seg-verify --restore -s drill/store'
is "$(grep -c shop out) $(tail -n 1 out)" "5 " "all are good"
ok "objects, of none a sample" sh -c \
	'seg-list -s drill/store shop | seg-verify --restore --sample 1 -s drill/store'
seg-list -s drill/store shop | sed 1d >drill/headless
ok "a set that does not begin at 1 is whole" seg-verify -s drill/store <drill/headless
must_fail 1 seg-verify --restore -s drill/store <drill/headless
err_like '^seg-verify: shop: frames 1-[0-9]+ are missing$' "but makes no state"
is "$(tail -n 1 out)" '!' "the set fails"
echo >drill/none
ok "an empty set is whole" seg-verify -s drill/store <drill/none
must_fail 1 seg-verify --restore -s drill/store <drill/none
err_like '^seg-verify: a set without segments: no state$' "and makes no state"
is "$(cat out)" '!' "the set fails"
run sh -c 'seg-list -s drill/store shop | seg-verify --restore --slice 1/2 -s drill/store'
slices=$status
run sh -c 'seg-list -s drill/store shop | seg-verify --restore --slice 2/2 -s drill/store'
is "$slices $status" "0 0" "one of another slice does not"
# A segment that is whole, and of another history: no checksum of its own tells, but
# that of the whole does.
middle=$(find drill/w/shop -name '*.seg' | sort | tail -n 1)
cp -r drill/w drill/x
python3 - "$middle" "drill/x/shop/$(basename "$middle")" <<-'EOF'
	import sys, zlib
	d = bytearray(open(sys.argv[1], 'rb').read())
	d[-100] ^= 1
	d[-4:] = zlib.crc32(bytes(d[:-4])).to_bytes(4, 'little')
	open(sys.argv[2], 'wb').write(d)
EOF
ok "each is whole" sh -c 'seg-verify drill/x/shop/*.seg'
must_fail 1 sh -c 'seg-verify --restore drill/x/shop/*.seg'
err_like 'its checksum differs$' "together they are not the database"
mkdir drill/store2
ok "upload" sh -c 'seg-upload -s drill/store2 drill/x/shop/*.seg >/dev/null'
must_fail 1 sh -c 'seg-list -s drill/store2 shop | seg-verify --restore -s drill/store2'
err_like 'its checksum differs$' "nor as objects"
seg-list -s drill/store shop >drill/names
cp -r drill/store drill/store3
# What is wrong with an object is said once, whoever else needs it.
for object in segments indexes; do
	for f in drill/store3/v2/clusters/"$SEG_CLUSTER"/namespaces/shop/"$object"/*; do
		mv "$f" drill/aside
		must_fail 1 sh -c 'seg-verify --restore -s drill/store3 <drill/names'
		is "$(cat err)" "seg-verify: ${f#drill/store3/}: not in the store" \
			"missing: one message"
		cp drill/aside "$f"
		printf x | dd of="$f" bs=1 seek=200 conv=notrunc 2>/dev/null
		must_fail 1 sh -c 'seg-verify --restore -s drill/store3 <drill/names'
		is "$(grep -c "^seg-verify: ${f#drill/store3/}: " err) $(grep -c . err)" \
			"1 1" "damaged: one message"
		mv drill/aside "$f"
	done
done
: >drill/last.seg
ok "objects again" sh -c 'seg-list -s drill/store shop | seg-verify --restore -s drill/store'
find drill -newer drill/last.seg -type f >new.files
empty new.files "nothing was written"

# --- slices: N runs cover all, each once
i=0
while [ $i -lt 40 ]; do
	i=$((i + 1))
	mkseg slice "ns$i" 1 1 1 9 1 1
	echo
done | grep . >slice.files
while read -r f; do
	echo "$f"
	echo
done <slice.files >slice.sets
for i in 1 2 3; do
	ok "slice $i" seg-verify --slice $i/3 <slice.sets
	is "$(grep -c '^$' out)" 40 "each set is answered"
	grep . out | cut -f 1 >slice.$i
done
sort slice.1 slice.2 slice.3 >slice.all
sort slice.files >slice.want
same slice.want slice.all "three slices are all of them, each once"
is "$(wc -l slice.1 slice.2 slice.3 | awk '$2 != "total" && $1 < 4')" "" "of some size"
for bad in 0/3 4/3 1 1/0 a/3 1/3x /3 -1/3; do
	must_fail 2 seg-verify --slice $bad <slice.sets
done
printf '%s\n!\n' "$(head -n 1 slice.files)" >failed
run seg-verify --slice 1/1 <failed
is "$status $(tail -n 1 out)" "1 !" "a failed set stays one"

done_testing
