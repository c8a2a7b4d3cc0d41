#!/bin/sh
# seg-pack and seg-unpack: what is in the stream, what is made of it and of
# those that tar makes, and what is not.  The pipes are in 39-pipes.t, each byte
# of a stream in unit/unpack.c.
. "$(dirname "$0")/lib.sh"

# --- two databases, their files, a stream of them

make_db shop.db 60 1024 delete
for i in 1 2 3; do
	sql shop.db "UPDATE t SET v = 'round $i' WHERE id = $i"
	seg-cut -d work shop shop.db >cut."$i"
done
make_db blog.db 20
seg-cut -d work blog blog.db >blog.set
for i in 1 2 3; do set_of cut."$i"; done >shop.records
{ cat shop.records; echo; } >shop.set
cat shop.set blog.set >both
image shop.db shop.img
first=$(sed -n '1s/\t.*//p' shop.set)
key=$(basename "$first" .seg)

# relative paths, as they are in the stream
members() {
	cut -f 1 | sed 's/^work\///; /^$/s/^/.end/; /seg$/{p;s/seg$/idx/;}'
}

# same_files DIR DESC: those of the sets of both, byte for byte, and no others
same_files() {
	(cd work && find . -name '*.seg' -o -name '*.idx' | sort | xargs sha256sum) >want
	(cd "$1" && find . -type f | sort | xargs sha256sum) >got
	same got want "$2"
}

ok "seg-pack" sh -c 'seg-pack <both >both.tar'
empty "$T/err" "it says nothing"
tar -tf both.tar >names
members <both >want
same names want "the members: .seg, .idx, and .end behind each set"
is "$(tail -c 1024 both.tar | tr -d '\0' | wc -c)" 0 "two zero blocks at the end"
is "$(tail -c 1536 both.tar | head -c 4)" .end "and not more than two"

# --- what any tar sees

TZ=UTC tar --full-time -tvf both.tar >listing
time=$(cut -f 4 shop.set | sed -n '1s/T/ /;1s/\..*//p')
is "$(sed -n '1p' listing | tr -s ' ' | cut -d' ' -f 1,2,4-)" \
	"-r--r--r-- 0/0 $time shop/$key.seg" "owner 0, the segment's time, read permissions"
mkdir plain
ok "tar extracts it" tar -C plain -xf both.tar
rm plain/.end
same_files plain "the files"

# --- the same in, the same out

for env in LC_ALL=C LC_ALL=nowhere.UTF-8 TZ=Asia/Tokyo; do
	env "$env" seg-pack <both >again.tar
	same again.tar both.tar "the same bytes with $env"
done
(umask 077 && cp -R work other && chmod -R a+r other)
sed 's/^work/other/' both >other.both
touch other/*/*
seg-pack <other.both >again.tar
same again.tar both.tar "and of copies of the files"
ok "operands are one set" sh -c 'seg-pack work/shop/*.seg >operands.tar'
is "$(tar -tf operands.tar | grep -c '^.end$')" 1 "with one end"

# --- and out of it again

ok "seg-unpack" sh -c 'seg-unpack -d there <both.tar'
sed 's/^work/there/' both >there.both
same "$T/out" there.both "prints what seg-cut had printed"
same_files there "the files"
ok "which make the database" sh -c 'cut -f 1 shop.records | sed s/work/there/ |
	seg-restore -e shop.copy'
same shop.copy shop.img "byte for byte"
ok "-J" sh -c 'seg-unpack -J -d there <both.tar'
is "$(head -n 1 "$T/out" | cut -d, -f 1)" "{\"path\":\"there/shop/$key.seg\"" "JSON"
ok "once more: done already" sh -c 'seg-unpack -d there <both.tar'
same "$T/out" there.both "and said again"
echo | seg-pack >none.tar
ok "a set of nothing" sh -c 'seg-unpack -d none <none.tar'
is "$(size "$T/out")" 1 "is one"
ok "seg-pack of a set that is there twice" sh -c \
	'{ cat shop.records shop.records; echo; } | seg-pack >twice.tar'
seg-pack <shop.set >once.tar
same twice.tar once.tar "counts each once"

# --- names: composed and decomposed, long, odd

mkdir odd && cd odd || exit 1
long=$(printf '%0255d' 7)
nearly=$(printf '%0156d' 7)
nfc=$(printf 'caf\303\251')
nfd=$(printf 'cafe\314\201')
{
	for ns in "$long" "$nearly" "$nfc" "$nfd" ' - ' "a'b" '日本語' '-x'; do
		mkseg work "$ns" 1 4 1700000000000 4 1 4
	done
	# a time after 2038, one beyond what a tar header holds, none
	mkseg work late 1 4 2300000000000 4 1 4
	mkseg work later 1 4 18446744073709551615 4 1 4
	mkseg work never 1 4 0 4 1 4
	echo
} >odd.set
seg-pack <odd.set >c8.tar
for l in C C.UTF-8; do
	LC_ALL=$l seg-pack <odd.set >$l.tar
	same $l.tar c8.tar "names: the same bytes with LC_ALL=$l"
	ok "seg-unpack with LC_ALL=$l" env LC_ALL=$l seg-unpack -d "$l" <c8.tar
	ok "the same files" diff -r work "$l"
	mkdir "tar.$l"
	LC_ALL=$l tar -C "tar.$l" -xf c8.tar 2>/dev/null
	rm "tar.$l/.end"
	ok "with tar too" diff -r work "tar.$l"
done
ok "no header without a character set" sh -c '! grep -qa hdrcharset c8.tar'
# an archive of names that are only bytes
sed '$d' odd.set | sed 's/^work.//; p; s/seg$/idx/' >list
: >work/.end
for format in gnu pax; do
	tar -C work -H $format -cf $format.tar --verbatim-files-from -T list .end
	for l in C C.UTF-8; do
		ok "tar -H $format, LC_ALL=$l" sh -c "LC_ALL=$l seg-unpack -d $format.$l <$format.tar"
		rm -rf copy && cp -R work copy && rm copy/.end
		ok "the same files" diff -r copy $format.$l
	done
done
cd "$T" || exit 1
for ns in .end .failed; do
	mkseg work $ns 1 4 1700000000000 4 1 4 >reserved
	must_fail 1 sh -c 'seg-pack -e <reserved >reserved.tar'
	err_like "^seg-pack: work/$ns/.*cannot be packed" "the namespace $ns: refused"
	is "$(tar -tf reserved.tar)" .failed "nothing of it"
	must_fail 1 sh -c 'mkdir -p store && seg-upload -e -s store <reserved'
	err_like "^seg-upload: work/$ns/.*: no namespace may have this name" "nor is it uploaded"
	is "$(find store -type f)" "" "nothing of it"
	must_fail 2 seg-cut -d work $ns some.db
	err_like "^seg-cut: $ns: no namespace may have this name" "nor cut"
	rm -r work/$ns
done

# --- files that are bad

cp -R work bad
printf x | dd of="bad/shop/$key.seg" bs=1 seek=700 conv=notrunc 2>/dev/null
sed 's/^work/bad/' shop.set >bad.set
must_fail 1 sh -c 'cat bad.set blog.set | seg-pack >bad.tar'
err_like "^seg-pack: bad/shop/$key.seg: its checksum is wrong" "a bad file is named"
tar -tf bad.tar >names
{ members <shop.set | grep -v "$key" | sed 's/^.end$/.failed/'; members <blog.set; } >want
same names want "the others are there; .failed ends the set; the next is good"
must_fail 1 sh -c 'seg-unpack -d frombad <bad.tar'
is "$(sed -n 's/^$/good/p; s/^!$/failed/p' "$T/out" | tr '\n' ' ')" "failed good " \
	"seg-unpack answers with a failed set"
err_like '^seg-unpack: standard input: set 1 had failed before$' "and says so"
is "$(grep -c seg "$T/out")" 3 "what was good is there"
for what in "rm bad/shop/$key.seg" "cp work/shop/$key.seg bad/shop; rm bad/shop/$key.idx" \
	"cp work/blog/*.idx bad/shop/$key.idx"; do
	sh -c "$what"
	must_fail 1 sh -c 'seg-pack <bad.set >bad.tar'
	is "$(tar -tf bad.tar | grep -c "$key")" 0 "nothing of it is packed: ${what%% *}"
done

# one so large that its beginning has gone out before it proves bad
mkseg big big 1 200 1700000000000 200 1 200 >big.path
big=$(cat big.path)
length=$(size "$big")
printf x | dd of="$big" bs=1 seek=$((length - 5000)) conv=notrunc 2>/dev/null
must_fail 1 sh -c 'seg-pack -e <big.path >big.tar'
tar -tvf big.tar >listing
is "$(tr -s ' ' <listing | cut -d' ' -f 3,6 | tr '\n' ' ')" \
	"$length ${big#big/} 0 .failed " "it is filled up to the size announced; no index"
must_fail 1 sh -c 'seg-unpack -d nobig <big.tar'
is "$(find nobig -type f)" "" "and nothing is made of it"

# --- where it goes

must_fail 2 script -qefc 'seg-pack </dev/null' /dev/null
mkfifo fifo
{ seg-pack <both >fifo 2>err; echo $? >status; } &
head -c 100 <fifo >/dev/null
wait $!
is "$(cat status)" 3 "nobody reads any more: 3"
is "$(cat err)" "seg-pack: standard output: Broken pipe" "and said"

# A set goes out when it ends, and is unpacked, while the next is not yet known.
mkfifo in
seg-pack <in >slow.tar &
exec 9>in
cat shop.set >&9
await grep -qa '\.end' slow.tar
pass "a set goes out when it ends"
exec 9>&-
wait $!
same slow.tar once.tar "and all of it in the end"
seg-unpack -d live <in >live.out &
exec 9>in
head -c $(($(size once.tar) - 1024)) once.tar >&9
await grep -qa '^$' live.out
is "$(find live -name '*.seg' | wc -l)" 3 "unpacked as it arrives, while the stream goes on"
tail -c 1024 once.tar >&9
exec 9>&-
wait $!
is $? 0 "and 0 only behind the end"
# a pair alone, whose set has not ended
seg-unpack -d live2 <in >live2.out 2>err &
exec 9>in
head -c $((512 + $(size "$first") / 512 * 512 + 512 + 2048)) once.tar >&9
await grep -qa "$key" live2.out
pass "a segment is printed when it is there"
exec 9>&-
wait $!
is $? 1 "the stream was cut short all the same"

# --- pipes as they are when they do not come from a file

mkseg tiny ns 1 1 1700000000000 1 1 1 >tiny.path
{ cat tiny.path && echo && echo; } >tiny.set
seg-pack <tiny.set >tiny.tar
for how in each nonblock; do
	ok "seg-pack, $how" badpipe $how tiny.set seg-pack
	same "$T/out" tiny.tar "the same stream"
	rm -rf drops
	ok "seg-unpack, $how" badpipe $how tiny.tar seg-unpack -d drops
	is "$(grep -c seg "$T/out") $(grep -c '^$' "$T/out")" "1 2" "the same files"
done
n=$(size tiny.set)
must_fail 3 badpipe broken:$((n - 1)) tiny.set seg-pack
err_like '^seg-pack: standard input: Input/output error' "seg-pack: broken: said"
is "$(tar -tf "$T/out" | sed -n '/^\./p' | tr '\n' ' ')" ".end .failed " \
	"seg-pack: a failed set"
must_fail 1 badpipe killed:$((n - 2)) tiny.set seg-pack
is "$(tar -tf "$T/out" | sed -n '/^\./p')" "" "seg-pack: killed: no end"
for n in 100 3000 7000; do
	must_fail 3 badpipe broken:$n tiny.tar seg-unpack -d broken
	is "$(cat "$T/err")" "seg-unpack: standard input: Input/output error" \
		"seg-unpack: broken at $n: said, once"
	is "$(tail -n 1 "$T/out")" "!" "a failed set"
	must_fail 1 badpipe killed:$n tiny.tar seg-unpack -d broken
	is "$(wc -l <"$T/err")" 1 "killed at $n: said, once"
done

# --- ends

seg-pack <blog.set >blog.tar
for tail in 1 512 1023 1024; do
	head -c -$tail once.tar >part
	must_fail 1 sh -c 'seg-unpack -d ends <part'
	is "$(sed -n '$p' "$T/out")$(grep -c seg "$T/out")" 3 \
		"without its last $tail bytes: 1, but the set had ended"
done
cat once.tar blog.tar >joined
ok "joined streams" sh -c 'seg-unpack -d joined.d <joined'
is "$(grep -c . "$T/out") $(grep -c '^$' "$T/out")" "4 2" "two sets"
{ cat once.tar && head -c 9000 /dev/zero; } >padded
must_fail 1 sh -c 'seg-unpack -d ends <padded'
{ cat once.tar && head -c 9216 /dev/zero; cat blog.tar; } >padded
ok "zero blocks as tar pads with" sh -c 'seg-unpack -d ends <padded'
head -c -1024 once.tar | cat - blog.tar >glued
ok "two sets are two sets" sh -c 'seg-unpack -d ends <glued'
head -c -512 once.tar | cat - blog.tar >lone
must_fail 1 sh -c 'seg-unpack -d ends <lone'
err_like 'a lone zero block' "a lone zero block: damaged"
head -c -1536 once.tar | cat - blog.tar >missing
ok "an end that is missing joins two" sh -c 'seg-unpack -d ends <missing'
is "$(grep -c '^$' "$T/out")" 1 "into one set"
{ head -c -1536 once.tar && head -c 1024 /dev/zero; } >noend
must_fail 1 sh -c 'seg-unpack -d ends <noend'
err_like 'cut short inside a set$' "no .end before the zero blocks: cut short"
is "$(grep -c '^$' "$T/out")" 0 "and no end line"
for bad in /dev/null none.gz zeros text; do
	case $bad in
	none.gz) gzip -k none.tar && mv none.tar.gz none.gz ;;
	zeros) head -c 10240 /dev/zero >zeros ;;
	text) yes 'not a tar' | head -c 20000 >text ;;
	esac
	must_fail 1 sh -c "seg-unpack -d ends <$bad"
	empty "$T/out" "nothing is made of $bad"
done
must_fail 3 sh -c 'seg-unpack -d ends </'
is "$(cat "$T/out")" "!" "an input that cannot be read: a failed set"
must_fail 2 seg-unpack -d no/such/parent <once.tar
empty "$T/out" "no parent: nothing is printed"
must_fail 2 seg-unpack once.tar

# --- what tar makes of a work directory

: >work/.end
for how in "-H gnu" "-H pax" "-H posix --sparse" "-H ustar" "--sort=name"; do
	(cd work && eval "tar $how --exclude=cut.memory -cf ../made.tar ./shop blog .end")
	ok "tar $how" sh -c 'rm -rf made; seg-unpack -d made <made.tar'
	rm work/.end
	same_files made "the files"
	: >work/.end
done
(cd work && tar -cf ../made.tar shop/*.idx shop/*.seg .end)
ok "all indexes first" sh -c 'rm -rf made; seg-unpack -d made <made.tar'
is "$(grep -c seg "$T/out")" 3 "three segments"
(cd work && tar -cf ../made.tar shop/*.seg shop/*.idx ./.end)
ok "all indexes last" sh -c 'rm -rf made; seg-unpack -d made <made.tar'
is "$(grep -c seg "$T/out")" 3 "three segments"
(cd work && tar -cf ../made.tar shop/*.seg .end)
must_fail 1 sh -c 'rm -rf made; seg-unpack -d made <made.tar'
is "$(cat "$T/out")" "!" "no index: a failed set"
is "$(find made -type f)" "" "and no file"
err_like "^seg-unpack: made/shop/$key.seg: its .idx is not in its set" "named"
(cd work && tar -cf ../made.tar shop/*.idx .end)
must_fail 1 sh -c 'seg-unpack -d made <made.tar'
err_like "^seg-unpack: made/shop/$key.idx: its .seg is not in its set" "no data: named"
(cd work && tar -cf ../made.tar shop .end)
must_fail 1 sh -c 'rm -rf made; seg-unpack -d made <made.tar'
err_like 'shop/cut.memory: not the path' "cut.memory is no segment"
absent made/shop/cut.memory
is "$(grep -c seg "$T/out")" 3 "the others are there"
(cd work && tar -cf ../made.tar --exclude=cut.memory shop blog)
must_fail 1 sh -c 'seg-unpack -d made <made.tar'
rm work/.end

# --- what is there already

unpack_over() {
	rm -rf over && cp -R there over && eval "$1"
}
unpack_over 'printf x | dd of=over/shop/$key.seg bs=1 seek=700 conv=notrunc 2>/dev/null'
ok "damaged data: replaced" sh -c 'seg-unpack -v -d over <both.tar'
err_like "^seg-unpack: over/shop/$key.seg: damaged, replaced" "said under -v"
same_files over "the files"
unpack_over 'printf x >over/shop/$key.idx'
ok "a damaged index" sh -c 'seg-unpack -d over <both.tar'
same_files over "the files"
unpack_over 'rm over/shop/$key.idx'
ok "a missing index" sh -c 'seg-unpack -d over <both.tar'
same_files over "the files"
for made in mkdir mkfifo; do
	unpack_over "rm over/shop/$key.seg; $made over/shop/$key.seg"
	must_fail 1 sh -c 'seg-unpack -d over <both.tar'
	is "$(cat "$T/err")" "seg-unpack: over/shop/$key.seg: not a regular file" \
		"$made: said once"
	is "$(find over/shop -name "$key.seg" ! -type f | wc -l)" 1 "and it stays"
	is "$(grep -c "$key" "$T/out")" 0 "not printed"
done
mkseg one ns 1 4 1700000000000 4 1 4 1 1 >one.path
mkseg two ns 1 4 1700000000000 4 1 4 1 2 >two.path
seg-pack -e <one.path >one.tar
cp -R two two.was
must_fail 1 sh -c 'seg-unpack -d two <one.tar'
err_like '^seg-unpack: two/ns/.*there already, whole, and not the same' "another one: 1"
is "$(cat "$T/out")" "!" "the set fails"
ok "and it stays" diff -r two two.was

# --- permissions

chmod 640 "$first"
seg-pack "$first" >mode.tar
is "$(tar -tvf mode.tar | sed -n '1s/ .*//p')" "-r--r-----" "the members' mode"
ok "-d, umask 022" sh -c 'seg-unpack -d mode1 <mode.tar'
is "$(stat -c %a "mode1/shop/$key.seg" "mode1/shop/$key.idx" | tr '\n' ' ')" "640 644 " \
	"0666 less the umask, less what the member lacks"
ok "-d, umask 077" sh -c 'umask 077; seg-unpack -d mode2 <mode.tar'
is "$(stat -c %a "mode2/shop/$key.seg" "mode2/shop/$key.idx" | tr '\n' ' ')" "600 600 " \
	"with the umask"
chmod 644 "$first"

# --- segments as libsql writes and wrote them, in both layouts

golden=$TOP/tests/data/segments
# files_of STORE: as files of a work directory
files_of() {
	objects=$golden/$1/v2/clusters/c1/namespaces/ns1
	mkdir -p "golden/$1/ns1"
	for f in "$objects"/segments/*; do
		cp "$f" "golden/$1/ns1/${f##*/}.seg"
		cp "$objects/indexes/${f##*/}" "golden/$1/ns1/${f##*/}.idx"
	done
}
for store in later_merged_1_4 later_segment3 ambiguous_later ambiguous_old \
	merged_1_5_rust source; do
	files_of $store
	ok "seg-pack of $store" sh -c "seg-pack golden/$store/ns1/*.seg >golden.tar"
	ok "seg-unpack of it" sh -c "seg-unpack -d golden.$store <golden.tar"
	ok "the same files" diff -r "golden/$store" "golden.$store"
done
# one whose index the later compactor got wrong
files_of later_merged_twice
must_fail 1 sh -c 'seg-pack golden/later_merged_twice/ns1/*.seg >golden.tar'
err_like 'idx: says that page 2 is in frame 8, the data has page 2 in frame 12' "said"
: >golden/later_merged_twice/.end
tar -C golden/later_merged_twice -cf golden.tar ns1 .end
must_fail 1 sh -c 'seg-unpack -d twice.d <golden.tar'
err_like 'idx: says that page 2 is in frame 8, the data has page 2 in frame 12' "said"
is "$(find twice.d -type f)" "" "nothing of it"

# --- two at once, and killed ones

for i in 1 2 3 4 5 6; do
	{ seg-unpack -d together <both.tar >together.$i 2>&1; echo $? >>together.$i; } &
	pids="${pids-} $!"
done
# shellcheck disable=SC2086
wait $pids
for i in 1 2 3 4 5 6; do
	{ sed 's/^work/together/' both; echo 0; } >want
	same together.$i want "six at once: number $i"
done
same_files together "the files"
for n in 700 3000 20000 60000 100000; do
	seg-unpack -d killed <in >/dev/null &
	exec 9>in
	head -c $n both.tar >&9
	sleep 0.05
	kill -9 $!
	wait $! 2>/dev/null
	exec 9>&-
done
ok "after killed ones" sh -c 'seg-unpack -d killed <both.tar'
same_files killed "the files, and no leftovers"
seg-unpack -d stopped <in >/dev/null &
exec 9>in
head -c 20000 both.tar >&9
await any_file stopped '.segtmp-*'
kill $!
wait $! 2>/dev/null
exec 9>&-
no_leftovers stopped
no_leftovers .
done_testing
