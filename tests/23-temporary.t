#!/bin/sh
# Temporary files are made, never taken over: what others put under their names
# is neither used nor removed, and what our own killed runs left is.
. "$(dirname "$0")/lib.sh"

make_db a.db 50 4096 delete
make_db b.db 80 4096 delete
seg=$(seg-cut -d w shop a.db | sed -n '1s/\t.*//p')
[ "$(id -u)" = 0 ] && root=1 || root=

# restores DESC: ./now.db is made, right, ours, for us alone to write
restores() {
	ok "$1" timeout 600 seg-restore now.db "$seg"
	same now.db a.db "it is the database"
	is "$(stat -c '%F %u %h %a' now.db)" "regular file $(id -u) 1 644" \
		"a file of its own"
	rm -f now.db
}

# --- things of our own under the name
echo precious >precious
cp precious kept
ln -s precious .segtmp-now.db
restores "a symbolic link is not followed"
same precious kept "what it names is as it was"
is "$(readlink .segtmp-now.db)" precious "nor removed"
rm .segtmp-now.db
ln precious .segtmp-now.db
restores "a second name of a file is not written to"
same precious kept "what it names is as it was"
absent .segtmp-now.db
mkfifo .segtmp-now.db
restores "a FIFO does not hold it up"
is "$(stat -c %F .segtmp-now.db)" fifo "nor is it removed"
rm .segtmp-now.db
mkdir .segtmp-now.db
restores "a directory is not in the way"
rmdir .segtmp-now.db
head -c 100000 /dev/zero >.segtmp-now.db
chmod 666 .segtmp-now.db
restores "what a killed run left is removed, not used"
absent .segtmp-now.db
exec 9>.segtmp-now.db
flock 9
restores "the work of a live one is left to it"
is "$(ls .segtmp-now.db)" .segtmp-now.db "its file is there"
exec 9>&-
rm .segtmp-now.db
no_leftovers .

# --- of others
if [ "$root" ] && setpriv --reuid 65534 --clear-groups true; then
	mkdir public
	chmod 1777 public
	chmod 755 .
	# A kernel that protects such directories gets one that it does not.
	[ "$(cat /proc/sys/fs/protected_regular 2>/dev/null || echo 0)" = 0 ] ||
		chmod 777 public
	# plant OWNER: of the directory, in which another user is first
	plant() {
		chown "$1" public
		rm -rf public/now.db public/.segtmp-*
		setpriv --reuid 65534 --clear-groups sh -c \
			'umask 0; : >public/.segtmp-now.db; : >public/.segtmp-left'
	}
	for owner in 0 1; do
		plant $owner
		ok "another user's file" seg-restore public/now.db "$seg"
		is "$(stat -c '%u %a' public/now.db)" "0 644" "is not what was restored"
		is "$(stat -c '%u %s' public/.segtmp-*)" "65534 0
65534 0" "and stays his"
	done
	# Root may have made them, and given them to whom it worked for.
	plant 65534
	ok "those of the directory's owner" seg-restore public/now.db "$seg"
	is "$(ls -A public) $(stat -c '%u %a' public/now.db)" "now.db 0 644" "go"
fi

# --- downloads that are resumed
ok "uploaded" seg-upload --create -s store "$seg"
seg-list -s store shop >listing
key=$(basename "$seg")
mkdir -p f/shop
# left CMD...: the beginning of the data, as CMD leaves it
left() {
	rm -f f/shop/* f/shop/.segtmp-*
	head -c 9000 "$seg" >part
	"$@"
}
left cp part "f/shop/.segtmp-$key"
ok "one of our own" seg-fetch -v -s store -d f <listing
err_like 'resumed at byte 8999$' "is resumed"
same "f/shop/$key" "$seg" "and whole"
left ln part "f/shop/.segtmp-$key"
ok "one with a second name" seg-fetch -v -s store -d f <listing
is "$(grep -c resumed err)" 0 "is not"
is "$(size part)" 9000 "nor changed"
same "f/shop/$key" "$seg" "and whole"
left ln -s "$T/part" "f/shop/.segtmp-$key"
ok "a symbolic link" seg-fetch -v -s store -d f <listing
is "$(grep -c resumed err)" 0 "is not"
is "$(size part)" 9000 "nor changed"
same "f/shop/$key" "$seg" "and whole"
if [ "$root" ]; then
	left cp part "f/shop/.segtmp-$key"
	chown 65534 "f/shop/.segtmp-$key"
	chmod 666 "f/shop/.segtmp-$key"
	ok "another user's" seg-fetch -v -s store -d f <listing
	is "$(grep -c resumed err)" 0 "is not"
	is "$(stat -c %u "f/shop/$key")" 0 "the result is ours"
	same "f/shop/$key" "$seg" "and whole"
fi

# --- the sweep looks again after it has the lock: meanwhile the file has got
# its name, and another process has made one of the same name anew
mkdir swept
: >swept/.segtmp-x
ok "a sweep" fs FS_RUN='flock@.segtmp-x=mv swept/.segtmp-x swept/x; echo new >swept/.segtmp-x' \
	seg-restore swept/now.db "$seg"
is "$(cat swept/.segtmp-x)" new "leaves what was made anew"
is "$(ls swept/x)" swept/x "and what has its name"

# --- spools
ok "to stdout, checked" fs FS_LOG="$T/log" sh -c \
	'seg-restore -I full - "$1" >piped' sh "$seg"
same piped a.db "the database"
is "$(grep -c '^open .*/tmp/\.segtmp-[0-9a-f]\{16\}-spool$' log)" 1 \
	"by way of a name that nobody can know before"
no_leftovers tmp
ok "to stdout" fs FS_LOG="$T/log2" sh -c 'seg-restore - "$1" >piped' sh "$seg"
same piped a.db "the database"
is "$(grep -c '^open .*/tmp/' log2)" 0 "by way of no name at all"
for i in none full; do
	must_fail 2 env TMPDIR="$T/nowhere" seg-restore -I $i - "$seg"
	err_like 'nowhere: no such directory \(TMPDIR\)$' "-I $i: said"
done

# --- a file system without locks: a leftover is told by its age
mkdir nolocks
: >nolocks/.segtmp-young
: >nolocks/.segtmp-old
touch -d '3 days ago' nolocks/.segtmp-old
ok "no locks" fs FS_FAIL='flock=ENOLCK' seg-restore nolocks/now.db "$seg"
is "$(echo nolocks/.segtmp-*)" nolocks/.segtmp-young "the old one has gone"
done_testing
