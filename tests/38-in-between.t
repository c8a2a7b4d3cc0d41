#!/bin/sh
# What others do just in between, or fails, while seg-upload and seg-rm are at
# work in a directory store.
. "$(dirname "$0")/lib.sh"

SEG_STORE=$T/store
export SEG_STORE
claims=store/v2/clusters/default/claims/shop
objects=store/v2/clusters/default/namespaces/shop

mkseg base shop 1 20 100 20 1 20 >base.f
mkseg base shop 21 30 200 20 1 10 >next.f
mkseg base shop 1 30 200 20 1 20 1 1 >merge.f
key=$(basename "$(cat base.f)" .seg)
next=$(basename "$(cat next.f)" .seg)
begin() {
	rm -rf store
	seg-upload --create "$(cat base.f)" "$(cat next.f)" >uploaded
}
# there KEY: it is in the store, as it was made
there() {
	same "$objects/segments/$1" "base/shop/$1.seg" "$1: data"
	same "$objects/indexes/$1" "base/shop/$1.idx" "$1: index"
}

# --- a segment that is put again, and removed meanwhile

rm_next="rm -f $objects/segments/$next $objects/indexes/$next"
begin
ok "removed when it was found there" fs FS_RUN="fstat@/segments/$next=$rm_next" \
	seg-upload -v "$(cat next.f)"
is "$(grep -c "^seg-upload: .*$next.*: was removed meanwhile, put again$" err)" 1 \
	"it is put again"
there "$next"
begin
must_fail 3 fs FS_RUN="fstat@/segments/$next=!$rm_next" \
	seg-upload -v "$(cat next.f)"
is "$(grep -c 'was removed meanwhile, put again$' err)" 10 "ten times"
is "$(tail -n 1 err | sed 's,.*: ,,')" "removed as often as it was put" "then that is said"
is "$(cat out)" '!' "the set has failed"
begin
must_fail 3 fs FS_RUN="fstat@/segments/$next=$rm_next" \
	FS_FAIL="open@/segments/=ENOSPC tmpfile@/segments=ENOSPC" seg-upload "$(cat next.f)"
err_like "$next: No space left on device$" "it cannot be put again"
is "$(cat out)" '!' "the set has failed"

# --- one transfer at a time, and two with the same END

rm -rf store
ok "-j 1" seg-upload -z -j 1 --create "$(cat base.f)" "$(cat next.f)" "$(cat merge.f)"
is "$(cut -f 2-3 out | tr '\t\n' '- ')" "1-20 1-30 21-30  " "all three"
for f in base.f next.f merge.f; do
	file=$(cat $f)
	name=$(basename "$file" .seg)
	zstd -dqf -o plain "$objects/segments/$name.zst"
	same plain "$file" "$name: data"
	same "$objects/indexes/$name" "${file%seg}idx" "$name: index"
done

# --- one whose claim cannot be made, while its data is being compressed

mkseg big shop 31 2030 300 2000 1 2000 >big.f
big=$(basename "$(cat big.f)" .seg)
rm -rf store
seg-upload --create "$(cat base.f)" >uploaded
must_fail 3 fs FS_FAIL="renameat2@/claims/shop#2=EIO" seg-upload -z9 "$(cat next.f)" "$(cat big.f)"
is "$(wc -l <err)" 1 "its claim cannot be made: said once"
err_like "/claims/shop/00000000000000000030: Input/output error$" "of that"
is "$(cut -f 2-3 out | tr '\t\n' '- ')" "21-30 ! " "the one before it is published"
absent "$objects/indexes/$big"
no_leftovers store

# --- what seg-upload -m has noted

# noted: a work directory w whose first segment a killed run published and noted,
# and the second in it is to be moved
notes=w/shop/upload.moving
noted() {
	rm -rf store w
	cp -r base w
	seg-upload --create "$(cat base.f)" >uploaded
	echo "$key" >$notes
}
# left DESC FILE...: what is in w
left() {
	left_desc=$1
	shift
	is "$(cd w/shop && ls)" "$(printf '%s\n' "$@" | LC_ALL=C sort)" "$left_desc"
}
rm "$(cat merge.f)" "base/shop/$(basename "$(cat merge.f)" .seg).idx"
noted
ok "another is moved" seg-upload -m "w/shop/$next.seg"
is "$(cd w/shop && ls)" "" "and what was noted is made good"
noted
ok "while the store cannot be read" fs FS_FAIL="pread@/indexes/$key=EIO" \
	seg-upload -m "w/shop/$next.seg"
empty err "nothing is said of what is not in the set"
left "it stays, and so does its note" "$key.idx" "$key.seg" upload.moving
cp -r base/shop/"$next".* w/shop
ok "the next run" seg-upload -m "w/shop/$next.seg"
is "$(cd w/shop && ls)" "" "makes it good"

noted
rm $notes
ok "a note that cannot be written" fs FS_FAIL=write@upload.moving=ENOSPC \
	seg-upload -v -m "w/shop/$next.seg"
err_like "^seg-upload: $notes: not noted$" "is said to who wants to know"
noted
rm $notes
mkdir $notes
ok "a directory in its place" seg-upload -m "w/shop/$next.seg"
left "is not touched" "$key.idx" "$key.seg" upload.moving
if [ "$(id -u)" = 0 ]; then
	noted
	chown 65534 $notes
	ok "notes of somebody else" seg-upload -m "w/shop/$next.seg"
	left "are not obeyed" "$key.idx" "$key.seg" upload.moving
	is "$(cat $notes)" "$key" "nor written to"
fi

# --- a segment that is removed

# removes: the command that does, of the last one
cat >removes <<END
#!/bin/sh
exec seg-rm -v -F --busy-timeout 0 shop/$next
END
chmod +x removes
gone() {
	absent "$objects/segments/$next" "$objects/indexes/$next" "$claims/removal"
}
begin
ok "an index that has just gone" \
	fs FS_RUN="unlink@/indexes/$next=rm $objects/indexes/$next" ./removes
err_like "/indexes/$next: gone already$" "said"
is "$(cut -f 1 out)" "shop/$next" "it is removed"
gone
begin
must_fail 3 fs FS_FAIL="unlink@/indexes/$next=EIO" ./removes
is "$(grep -c 'Input/output error$' err) $(grep -c 'published again' err)" "1 0" \
	"an index that cannot be removed, said once"
is "$(cat out)" '!' "the set has failed"
there "$next"
absent "$claims/removal"

begin
run fs FS_FAIL="unlink@/indexes/$next=EIO" \
	sh -c 'seg-list shop | seg-rm -v -F'
is "$status $(grep -c 'Input/output error$' err) $(grep -c 'published again' err)" \
	"3 1 0" "the same, of two"
there "$next"
absent "$objects/segments/$key" "$objects/indexes/$key" "$claims/removal"
is "$(cut -f 1 out)" "shop/$key
!" "the other is removed"

# What others need goes in spite of the lock, when the first has judged: its index
# would come back; here it is one that nobody thought to be needed for that.
mkseg base shop 1 30 200 20 1 20 1 1 >merge.f
merge=$(basename "$(cat merge.f)" .seg)
begin
seg-upload "$(cat merge.f)" >merged
must_fail 3 fs FS_RUN="unlink@/indexes/$merge=rm $objects/indexes/$next" \
	seg-rm --busy-timeout 0 "shop/$merge"
is "$(sed "s,: v2.*/indexes/,: ," err)" "seg-rm: shop: refused: nothing else would hold frame 30
seg-rm: $merge: removed, and not saved; its data is there" "what is missing is said"
is "$(cat out)" '!' "the set has failed"
same "$objects/segments/$merge" "$(cat merge.f)" "its data stays"
ok "which is all that is needed" sh -c 'seg-upload -F "$(cat merge.f)" && seg-list shop | seg-plan'
is "$(cut -f 2-3 out | tail -n 2 | tr '\t\n' '- ')" "1-30  " "put again"

# Where another remover may be at work, -F saves indexes before it removes them.
locked() {
	mkdir -p "$claims"
	remover_elsewhere >"$claims/removal"
}
begin
locked
must_fail 2 env TMPDIR=none ./removes
is "$(cat err)" "seg-rm: none: no such directory (TMPDIR)" "no room to save them"
is "$(cat out)" '!' "the set has failed"
there "$next"
absent "$claims/removal"
locked
ok "with room" ./removes
gone

# A claim that goes while it is looked at: before each entry that is read.
n=0 bad=''
while [ $n -lt 12 ]; do
	n=$((n + 1))
	begin
	rm -f did
	locked
	sed 's/^removal.*/key '"$next/" "$claims/removal" >"$claims/00000000000000000030"
	rm "$claims/removal"
	run fs FS_RUN="readdir@claims/shop#$n=rm $claims/00000000000000000030; : >did" \
		seg-rm -v shop/claim-00000000000000000030
	case $status$(ls did 2>/dev/null) in
	0did) ;;
	1) grep -q 'its owner may be alive$' err || bad="$bad $n($(cat err))" ;;
	*) bad="$bad $n($status $(cat err))" ;;
	esac
	[ ! -e did ] || last=$n
done
is "$bad" "" "a claim that goes is gone"
is $((last > 4)) 1 "also behind the last entry"

done_testing
