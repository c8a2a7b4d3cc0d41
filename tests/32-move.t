#!/bin/sh
# seg-upload -m into a directory on the same file system: the files become the
# objects, where that is as good as a copy; else they are copied.
. "$(dirname "$0")/lib.sh"

make_db a.db 300 4096 delete
ok "a cut" seg-cut -d seed shop a.db
seg=$(basename seed/shop/*.seg)
key=${seg%.seg}
objects=store/v2/clusters/default/namespaces/shop

# fresh: a work directory w with that segment, and an empty store
fresh() {
	rm -rf w store log
	cp -r seed w
	mkdir store
}

# inode FILE
inode() {
	stat -c %i "$1"
}

# moves WHAT: the files in w, as they are, become the objects
moves() {
	was="$(inode "w/shop/$key.seg") $(inode "w/shop/$key.idx")"
	ok "$1" fs FS_LOG="$T/log" seg-upload -e -m -s store "w/shop/$seg"
	is "$(inode "$objects/segments/$key") $(inode "$objects/indexes/$key")" \
		"$was" "$1: the files are the objects"
	done_with "$1"
}

# copies WHAT [ENV...]: its data, as it is, is copied
copies() {
	what=$1
	shift
	was=$(inode "$(realpath "w/shop/$key.seg")")
	ok "$what" fs FS_LOG="$T/log" "$@" \
		seg-upload -e -m -s store "w/shop/$seg"
	is "$(inode "$objects/segments/$key" | grep -cx "$was")" 0 \
		"$what: copied"
	done_with "$what"
}

# done_with WHAT: the segment is in the store, whole, and not in w
done_with() {
	same "$objects/segments/$key" "seed/shop/$key.seg" "$1: data"
	same "$objects/indexes/$key" "seed/shop/$key.idx" "$1: index"
	is "$(find w -name '*.seg' -o -name '*.idx')" "" "$1: nothing is left"
	is "$(find store -links +1 -type f)" "" "$1: nobody else has them"
	no_leftovers store
}

# --- moved, in this order
fresh
touch -d '2001-01-01' "w/shop/$seg" "w/shop/$key.idx"
moves "a segment of its own"
is "$(find "$objects/segments" "$objects/indexes" -type f -mmin +60)" "" \
	"its objects are new ones"
sed -n "s,$T/,,g; s,store/v2.*namespaces/shop/,,g; s,$key,KEY,g
	/claims/d; /^linkat /p; /^unlink /p; /^fsync.*\(KEY\|indexes\|segments\)/p
	/^fsync w/p" log | uniq |
	awk '/linkat/ { on = 1 } on || /KEY/' >order
cat >wanted <<'EOT'
fsync w/shop/KEY.seg
linkat w/shop/KEY.seg segments/KEY
fsync segments
fsync w/shop/KEY.idx
linkat w/shop/KEY.idx indexes/KEY
fsync indexes
unlink w/shop/KEY.seg
fsync w/shop
unlink w/shop/KEY.idx
unlink w/shop/upload.moving
EOT
same order wanted "synced, linked, its directory synced; data, index, removal"

# --- modes, as a copy has them
while read -r umask mode wanted; do
	fresh
	chmod "$mode" w/shop/*.seg w/shop/*.idx
	umask "$umask"
	moves "mode $mode, umask $umask"
	is "$(stat -c %a "$objects/segments/$key" "$objects/indexes/$key" |
		uniq)" "$wanted" "becomes $wanted"
	umask 022
done <<'MODES'
022 600 600
022 640 640
022 400 600
022 666 644
077 644 600
MODES

# --- who could still change it: copied
fresh
mv "w/shop/$seg" real
ln -s "$T/real" "w/shop/$seg"
copies "a symbolic link"
same real "seed/shop/$seg" "what it meant is there"

fresh
ln "w/shop/$seg" other
copies "a file with another name"
same other "seed/shop/$seg" "which is there"
rm other

fresh
exec 9>>"w/shop/$seg"
copies "a file that is open for writing"
exec 9>&-

# (What was written just before may have the stamp of that touch.)
fresh
touch -d '2001-01-01' "w/shop/$seg"
copies "a file that was touched since it was verified" \
	FS_RUN="mkdir@segments\$=touch w/shop/$seg"

# --- what the file system cannot do
for err in EXDEV EPERM EOPNOTSUPP ENOSYS ENOENT EIO; do
	fresh
	copies "linkat: $err" FS_FAIL="linkat=$err"
done
if [ -d /dev/shm ] && [ -w /dev/shm ] &&
	[ "$(stat -c %d /dev/shm)" != "$(stat -c %d .)" ]; then
	fresh
	rmdir store
	store=$(mktemp -d /dev/shm/segtools-XXXXXX)
	ln -s "$store" store
	copies "another file system"
	rm -rf "$store" store
else
	pass "there is no other file system"
fi

# --- one that is there is compared, whoever made it
fresh
ok "uploaded" seg-upload -q -e -s store "w/shop/$seg"
was=$(inode "$objects/segments/$key")
ok "and moved" seg-upload -e -m -s store "w/shop/$seg"
is "$(inode "$objects/segments/$key")" "$was" "the object stays"
done_with "there already"

fresh
ok "made while it is moved" fs \
	FS_RUN="linkat@.seg\$=cp seed/shop/$seg $objects/segments/$key" \
	seg-upload -e -m -s store "w/shop/$seg"
done_with "made meanwhile"

fresh
must_fail 1 fs \
	FS_RUN="linkat@.seg\$=echo other >$objects/segments/$key" \
	seg-upload -e -m -s store "w/shop/$seg"
err_like 'exists with other content$' "never overwritten"
is "$(cat "$objects/segments/$key")" other "it is what it was"
same "w/shop/$seg" "seed/shop/$seg" "and the file is there"

# --- what is there and was published without -m stays, whole
make_db more.db 20
for i in 1 2; do
	sql more.db "UPDATE t SET v = $i WHERE id = 1"
	seg-cut -d kept more more.db
done >more.cuts
mkdir more
ok "the first, without -m" seg-upload -s more "$(sed -n 1p more.cuts | cut -f 1)"
ok "the second, with it" seg-upload -m -s more "$(sed -n 3p more.cuts | cut -f 1)"
is "$(find kept -name '*.seg' -o -name '*.idx' | wc -l)" 2 "the first is there with its index"

# --- killed at each step: what was published goes with the next run, what was
# --- not, nor was of that run, does not
for i in 1 2; do
	mkseg seq shop $i $i $i 9 1 1 1 $i
done >seq.files
mkseg next shop 3 3 3 9 1 1 1 3 >/dev/null
mkseg kept shop 5 5 5 9 1 1 1 5 >/dev/null
steps=0 left=0 status=137 bad=''
while [ $status = 137 ]; do
	steps=$((steps + 1))
	rm -rf w store
	mkdir store
	cp -r seq w
	run fs FS_KILL=$steps seg-upload -m -s store w/shop/*.seg
	[ $status != 137 ] || [ $steps -lt 200 ] || break
	seg-list -s store shop 2>/dev/null | cut -f 1 >there
	find w -name '*.seg' | sed 's,w/\(.*\)\.seg,\1,' >here
	grep -qxFf there here && left=$((left + 1))
	cp next/shop/* kept/shop/* w/shop
	grep -vxFf there here | sed 's,.*,w/&.seg,' >again
	find next -name '*.seg' | sed 's,next,w,' >>again
	seg-upload -m -e -s store <again >names 2>said || bad="$bad $steps($(cat said))"
	[ "$(seg-list -s store shop | grep -c /)" = 3 ] || bad="$bad $steps(store)"
	(cd kept && find shop -type f) | sort >wanted
	(cd w && find shop -type f) | sort | cmp -s wanted - || bad="$bad $steps($(ls w/shop))"
done
is "$bad" "" "killed before each of $steps steps"
is $((left > 0)) 1 "$left left what was published"

# What is there with other contents stays; so does what the notes have no right to
fresh
ok "moved" seg-upload -m -s store "w/shop/$seg"
cp seed/shop/"$key".* w/shop
printf x | dd of="w/shop/$seg" bs=1 seek=300 conv=notrunc 2>/dev/null
printf '%s\nrubbish\n%s' "$key" "$key" >w/shop/upload.moving
sql a.db "DELETE FROM t WHERE id = 7"
cp -r seed other
ok "another cut" seg-cut -d other shop a.db
cp out cuts
cp "$(head -n 1 cuts | cut -f 1)" "$(head -n 1 cuts | cut -f 1 | sed 's/seg$/idx/')" w/shop
ok "and moved" seg-upload -m -s store "w/shop/$(basename "$(head -n 1 cuts | cut -f 1)")"
empty err "nothing is said"
is "$(find w -type f | grep "$key" | sort)" \
	"$(printf 'w/shop/%s\n' "$key.idx" "$seg")" \
	"the damaged file is there"

# --- what belongs to others
if [ "$(id -u)" = 0 ]; then
	fresh
	chown 65534 "w/shop/$seg"
	copies "a file of somebody else"
	fresh
	mkdir -p "$objects/segments"
	chgrp 65534 "$objects/segments"
	chmod g+s "$objects/segments"
	copies "a store of another group"
	is "$(stat -c %g "$objects/segments/$key")" 65534 "whose object it is"
else
	pass "not root"
fi
done_testing
