#!/bin/sh
# seg-fetch on a directory store: verified, resumed, repaired; -i.
. "$(dirname "$0")/lib.sh"

SEG_STORE=$T/store
export SEG_STORE
objects=store/v2/clusters/default/namespaces/shop

{
	mkseg work shop 1 50 1000 50 1 50
	mkseg work shop 51 60 2000 50 3 10 4 2
	mkseg work shop 61 65 3000 50 10 5 1 3
	echo
} >f
seg-upload --create <f >names
k=$(sed -n '2s,^[^/]*/\([^	]*\).*,\1,p' names)

ok "fetch" sh -c 'sort -r names | grep . | { cat; echo; } >r; seg-fetch -d o <r'
is "$(cut -f 1 out)" "$(sed -n '1,3s,^\([^	]*\).*,o/\1.seg,p' r)" \
	"paths in input order"
same /dev/fd/3 /dev/fd/4 "columns as listed" 3<<-A 4<<-B
	$(cut -f 2- r)
A
	$(cut -f 2- out)
B
ok "the files" diff -r work o
find o -type f -printf '%p %i\n' | sort >before
ok "again" sh -c 'seg-fetch -d o <names'
find o -type f -printf '%p %i\n' | sort >after
same before after "nothing is fetched twice"
ok "the same name twice" sh -c 'cat r names | grep . | seg-fetch -e -d o'
is "$(grep -c . out)" 3 "counts once"

# repairs
printf x | dd of="o/shop/$k.seg" bs=1 seek=9000 conv=notrunc 2>/dev/null
ok "a damaged local file" sh -c 'seg-fetch -v -d o <names'
err_like "$k.seg: bad, fetched again" "-v says so"
ok "is replaced" diff -r work o
rm "o/shop/$k.idx"
ok "a missing local index" sh -c 'seg-fetch -d o <names'
ok "is made" diff -r work o
cp "$(find work -name "*1000.idx")" "o/shop/$k.idx"
ok "a wrong local index" sh -c 'seg-fetch -d o <names'
ok "is made" diff -r work o
rm "o/shop/$k.seg"
head -c 20000 "work/shop/$k.seg" >"o/shop/.segtmp-$k.seg"
ok "a partial file" sh -c 'seg-fetch -v -d o <names'
err_like "resumed at byte 19999" "is resumed"
ok "to the same" diff -r work o
for bytes in 1 41183 41184 41185 60000; do
	rm "o/shop/$k.seg"
	head -c $bytes /dev/urandom >"o/shop/.segtmp-$k.seg"
	ok "a partial file of other content ($bytes)" sh -c 'seg-fetch -d o <names'
	ok "is fetched from the start" diff -r work o
done
: >o/shop/.segtmp-left
rm "o/shop/$k.seg"
ok "what a killed run left" seg-fetch -d o "shop/$k"
no_leftovers o

# the store is damaged
rm -rf o
mv "$objects/indexes/$k" index
ok "no index" seg-fetch -d o "shop/$k"
err_like "indexes/$k: not in the store, made from the data" "said"
same "work/shop/$k.idx" "o/shop/$k.idx" "it is made"
cp "$(find "$objects/indexes" -name "*1000")" \
	"$objects/indexes/$k"
rm -rf o
ok "a wrong index" seg-fetch -d o "shop/$k"
same "work/shop/$k.idx" "o/shop/$k.idx" "is made"
cp index "$objects/indexes/$k"
rm -rf o
cp -p "$objects/segments/$k" data
printf x | dd of="$objects/segments/$k" bs=1 seek=9000 conv=notrunc 2>/dev/null
must_fail 1 sh -c 'seg-fetch -d o <names'
is "$(grep -c seg out)" 2 "the rest goes on"
is "$(tail -n 1 out)" "!" "the set failed"
is "$(grep -c . err)" 1 "said once"
absent "o/shop/$k.seg" "o/shop/$k.idx"
for bytes in 0 59 60 5000 41183 41185; do
	rm -rf o
	head -c $bytes /dev/zero >zeros
	cat data zeros | head -c $bytes >"$objects/segments/$k"
	must_fail 1 seg-fetch -d o "shop/$k"
	absent "o/shop/$k.seg"
	no_leftovers o
done
rm "$objects/segments/$k"
must_fail 1 sh -c 'seg-fetch -d o <names'
err_like "^seg-fetch: v2/.*segments/$k: not in the store" "named"
is "$(grep -c . err)" 1 "said once"
is "$(grep -c seg out)" 2 "the rest goes on"
cp data "$objects/segments/$k"

# indexes alone
ok "-i" sh -c 'seg-fetch -i -d i <names'
is "$(cut -f 1,6 out | sed -n 2p)" "i/shop/$k.idx	-" "paths of the .idx"
is "$(find i -type f | wc -l)" 3 "nothing else"
ok "-i again" sh -c 'seg-fetch -i -d i <names'
for f in i/shop/*; do same "$f" "work/${f#i/}" "$f"; done
head -c 21 index >"$objects/indexes/$k"
rm -rf i
must_fail 1 sh -c 'seg-fetch -i -d i <names'
rm "$objects/indexes/$k"
must_fail 1 sh -c 'seg-fetch -i -d i <names'
cp index "$objects/indexes/$k"

# streams and directories
must_fail 2 seg-fetch -d no/such "shop/$k"
err_like "parent" "DIR's parent must exist"
must_fail 2 seg-fetch -il "shop/$k"
must_fail 2 seg-fetch "../$k"
must_fail 1 sh -c "printf '../%s\n\n' $k | seg-fetch -d o"
must_fail 1 sh -c 'echo "!" | seg-fetch -d o'
is "$(cat out)" "!" "a failed set"
must_fail 1 sh -c 'grep . names | seg-fetch -d o'
if [ "$(id -u)" != 0 ]; then
	mkdir ro && chmod 555 ro
	must_fail 2 seg-fetch -d ro "shop/$k"
fi
: >file
must_fail 2 seg-fetch -d file "shop/$k"

# a disk that fails
slow='ioctl=EOPNOTSUPP copy_file_range=EOPNOTSUPP' # bytes are written
for rule in fsync@.seg=EIO fsync@.idx=EIO rename@.seg=EIO rename@.idx=EIO \
	write@.seg=ENOSPC write@.idx=ENOSPC; do
	rm -rf o
	must_fail 3 fs FS_FAIL="$slow $rule" seg-fetch -d o <names
	is "$(cat out)" '!' "$rule: no path is printed"
	err_like '(Input/output error|No space left on device)$' "and why is"
done
rm -rf o
must_fail 3 fs FS_FAIL="rename@$k.seg=EIO" seg-fetch -d o <names
is "$(grep -c seg out) $(grep -c . err)" "2 1" "the others are fetched"
absent "o/shop/$k.seg"
rm -rf o
mkdir -p o/shop
ok "the log of a fetch" fs FS_LOG="$T/log" seg-fetch -d o "shop/$k"
is "$(grep -E "^(fsync|rename).*shop" log | sed 's,[^ ]*/,,g; s,\.segtmp-,T,g' |
	sed "s,$k,KEY,g")" "fsync TKEY.seg
fsync TKEY.idx
rename TKEY.seg KEY.seg
rename TKEY.idx KEY.idx
fsync shop" "contents first, data before index, and their names"

# What is read to be verified is what is written: not read again for a copy
printf 'shop/%s\n\n' "$k" >one
rm -rf o
ok "read once" fs "FS_FAIL=ioctl=EOPNOTSUPP copy_file_range@$k.seg=EIO" \
	seg-fetch -d o <one
same "o/shop/$k.seg" "work/shop/$k.seg" "and whole"

# the same work twice: another one does all of it at some point of this one
point() { # point DESC RULE: before the operation seg-fetch has run as well
	rm -rf o
	ok "twice: $1" fs FS_FAIL="$slow" \
		FS_RUN="$2=seg-fetch -d o <names >other" seg-fetch -d o <names
	same out other "the same paths"
	empty err "nothing is said"
	ok "the files" diff -r work o
	no_leftovers o
}
point "before the first file" mkdir@o/shop
point "before the first byte" "write@$k.idx"
point "while data is written" "write@$k.seg"
point "before it is durable" fsync
point "before it has its name" "rename@$k.seg"
point "before its index has" "rename@$k.idx"
i=0
while [ $i -lt 5 ]; do
	rm -rf o
	seg-fetch -d o <names >other 2>err2 &
	ok "at once" seg-fetch -d o <names
	wait $!
	is "$?" 0 "both"
	cat err2 >>err
	empty err "nothing is said"
	ok "the files" diff -r work o
	i=$((i + 1))
done

# moved into the store by another run before its index could be made
rm -rf o
mkdir -p o/shop
mv "$objects/indexes/$k" index
ok "data that was moved away" fs FS_RUN="fsync@o/shop\$=rm o/shop/$k.seg" \
	seg-fetch -d o "shop/$k"
is "$(grep -c . err)" 1 "is no error"
absent "o/shop/$k.seg" "o/shop/$k.idx"

# a bare FST is no index object; in a work directory it may be
tail -c +23 index >bare
cp bare "$objects/indexes/$k"
rm -rf o
ok "a bare FST in the store" seg-fetch -d o "shop/$k"
err_like "indexes/$k: wrong, made from the data" "is wrong"
same "work/shop/$k.idx" "o/shop/$k.idx" "the index is made"
cp index "$objects/indexes/$k"
cp bare "o/shop/$k.idx"
ok "one beside the data" seg-fetch -d o "shop/$k"
same "work/shop/$k.idx" "o/shop/$k.idx" "is made what the store has"

# many small ones, killed and resumed
for e in $(seq 5 5 1500); do mkseg many many $((e - 4)) "$e" "$e" 9 1 3; done >f
echo >>f
seg-upload <f >names
for i in 1 2 3 4 5; do
	seg-fetch -d big <names >/dev/null 2>&1 &
	pid=$!
	sleep 0.0$i
	kill -KILL $pid 2>/dev/null
	wait $pid 2>/dev/null
done
ok "after kills" sh -c 'seg-fetch -d big <names'
cp out big.out
ok "all is there" diff -r many/many big/many
is "$(cut -f 2 big.out)" "$(cut -f 2 names)" "in order"
no_leftovers big

# open files: in step with -j, and within what the system allows
ok "few open files" sh -c 'ulimit -n 24; exec seg-fetch -j 1 -d few <names'
ok "all is there" diff -r many/many few/many
must_fail 3 sh -c 'ulimit -n 5; exec seg-fetch -j 1 -d fewer' <names
err_like 'Too many open files' "too few are said"
is "$(tail -n 1 out)" '!' "and the set has failed"
done_testing
