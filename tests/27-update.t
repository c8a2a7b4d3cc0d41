#!/bin/sh
# seg-plan -u and seg-restore -u: a copy that follows, and what it refuses.
. "$(dirname "$0")/lib.sh"

SEG_STORE=$T/store
export SEG_STORE
mkdir store

back_up() {
	seg-cut -d work shop shop.db >new && seg-upload -m <new >/dev/null
}
# what is planned for the copy, as "START-END ..."
planned() {
	seg-list shop | seg-plan -u copy.db >plan
	cut -f 2,3 plan | tr '\t\n' '- ' | sed 's/ *$//'
}
update() {
	planned >ranges && seg-fetch -d f <plan >files && seg-restore -u copy.db <files
}
# the copy is what a whole restore makes
is_current() {
	rm -f whole.db
	seg-list shop | seg-plan | seg-fetch -d f | seg-restore whole.db &&
		cmp whole.db copy.db
}
changes() {
	for sql; do sql shop.db "$sql" >/dev/null; done
}

make_db shop.db 3000
ok "a backup" back_up
is "$(planned)" "$(cut -f 2,3 plan | head -n 1 | tr '\t' -)" "no copy: all"
ok "a copy is made" update
ok "it is the database" is_current
is "$(head -n 1 copy.db-seg)" "segtools-standby 1" "DB-seg is beside it"
is "$(planned)" "" "it lacks nothing"
stamp=$(stat -c '%i %Y %Z' copy.db copy.db-seg)
ok "an empty set" update
is "$(stat -c '%i %Y %Z' copy.db copy.db-seg)" "$stamp" "changes nothing"

changes "UPDATE t SET v = 'x' WHERE id % 500 = 0"
ok "a second backup" back_up
is "$(planned | wc -w)" 1 "what is new is planned, and no more"
ok "the copy is brought up" update
ok "it is the database again" is_current

# Shrink, growth behind it, another page size, many cuts at once.
changes "DELETE FROM t WHERE id > 300" "VACUUM"
ok "cut after a shrink" back_up
ok "brought up" update
ok "shrunk" is_current
changes "DELETE FROM t WHERE id > 100" "VACUUM"
ok "cut" back_up
changes "INSERT INTO t SELECT id + 5000, v FROM t" "INSERT INTO t SELECT id + 10000, v FROM t"
ok "cut" back_up
ok "a shrink and growth in one set" update
ok "right" is_current
changes "PRAGMA journal_mode = delete" "PRAGMA page_size = 1024" "VACUUM"
ok "pages of another size" back_up
ok "brought up" update
ok "right" is_current
changes "PRAGMA journal_mode = wal"
ok "cut" back_up
ok "and on from there" update
ok "right" is_current

# Merged behind it: its END is a segment's, or not any more.
changes "INSERT INTO t VALUES (70001, 'a')"
ok "cut" back_up
changes "INSERT INTO t VALUES (70002, 'b')"
ok "cut" back_up
ok "merged" sh -c 'seg-list shop | seg-plan -c all | seg-fetch -d f | seg-merge |
	seg-upload >/dev/null'
is "$(planned | wc -w)" 2 "the way on from its END"
ok "retired" sh -c 'seg-list shop | seg-plan -x -o 0s | seg-rm >/dev/null'
seg-list shop | seg-plan -u copy.db >plan 2>err
err_like '^seg-plan: copy.db: no segment has its END and TIME any more: all is planned$' "said"
ok "all of it anew" update
ok "right" is_current
is "$(stat -c %a copy.db)" 644 "readable as before"

# Random steps.
bad=
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	case $((i * 7 % 5)) in
	0) changes "DELETE FROM t WHERE id % 3 = $((i % 3))" "VACUUM" ;;
	1) changes "INSERT INTO t SELECT id + $i * 100000, v FROM t LIMIT 400" ;;
	2) changes "UPDATE t SET v = v || $i WHERE id % 7 = 0" ;;
	3) changes "CREATE TABLE t$i AS SELECT * FROM t LIMIT 50" ;;
	*) changes "UPDATE t SET v = substr(v, 1, 20)" "PRAGMA incremental_vacuum" ;;
	esac
	back_up || bad="$bad cut$i"
	[ $((i % 3)) = 0 ] || continue
	update || bad="$bad update$i"
	is_current || bad="$bad differs$i"
done
is "$bad" "" "random steps, three cuts at a time"

# A reader keeps the file that it has open.
exec 3<copy.db
cp copy.db old.db
changes "INSERT INTO t VALUES (-1, 'new')"
ok "cut" back_up
ok "brought up while it is read" update
cat <&3 >seen.db
exec 3<&-
same seen.db old.db "the reader saw the old state"

# What is refused, and what -F does about it.
changes "INSERT INTO t VALUES (-2, 'new')"
ok "cut" back_up
cp -p copy.db copy.good
cp -p copy.db-seg seg.good
sql copy.db "PRAGMA journal_mode = delete" >/dev/null
sql copy.db "INSERT INTO t VALUES (-99, 'mine')"
cp copy.db changed.db
seg-list shop | seg-plan -u copy.db 2>err | seg-fetch -d f >files
err_like 'copy.db: it was changed, or moved, since' "the plan says that it was changed"
must_fail 1 seg-restore -u copy.db <files
err_like '^seg-restore: copy.db: it was changed, or moved, since .* \(-F replaces it\)$' "refused"
same copy.db changed.db "and left"
ok "-F replaces it" seg-restore -u -F copy.db <files
ok "right" is_current
rm copy.db-seg
must_fail 1 seg-restore -u copy.db <files
err_like 'copy.db: it has no DB-seg' "without DB-seg"
ok "-F replaces it" seg-restore -u -F copy.db <files
cp copy.db-seg seg.good
cp -p copy.db moved.db
cp copy.db-seg moved.db-seg
must_fail 1 seg-restore -u moved.db <files
err_like 'was changed, or moved' "a copy of the copy"

# What is left beside a copy that is not there: as beside any restore.
for end in wal shm journal; do
	echo 'perhaps of worth' >new.db-$end
	must_fail 1 seg-restore -u new.db <files
	err_like "^seg-restore: new.db-$end: left of another database \(-F removes it\)$" \
		"a -$end without a database"
	absent new.db
	is "$(cat new.db-$end)" 'perhaps of worth' "it is left"
done
ok "-F removes them" seg-restore -u -F new.db <files
is "$(echo new.db*)" "new.db new.db-seg" "they are gone"
rm new.db*

# Every byte of DB-seg: damaged is damaged, never another state.
bad=
size=$(size copy.db-seg)
i=0
while [ $i -lt "$size" ]; do
	cp seg.good copy.db-seg
	printf '\377' | dd of=copy.db-seg bs=1 seek=$i conv=notrunc 2>/dev/null
	seg-restore -u copy.db <files >/dev/null 2>&1
	[ $? = 1 ] || bad="$bad $i"
	i=$((i + 3))
done
for n in 0 1 18 19 60 $((size - 1)); do
	head -c "$n" seg.good >copy.db-seg
	seg-restore -u copy.db <files >/dev/null 2>&1
	[ $? = 1 ] || bad="$bad cut$n"
done
# A digit for a digit: only its checksum tells
sed 's/	[0-8]/	9/' seg.good >copy.db-seg
must_fail 1 seg-restore -u copy.db <files
err_like 'its DB-seg is damaged' "another number in it is found out"
head -c 100000 /dev/zero >copy.db-seg
seg-restore -u copy.db <files >/dev/null 2>&1
[ $? = 1 ] || bad="$bad large"
is "$bad" "" "a damaged DB-seg is refused"
cp seg.good copy.db-seg
echo changes >copy.db-wal
must_fail 1 seg-restore -u copy.db <files
err_like 'there is a -wal' "a copy with changes of somebody in a -wal"
rm copy.db-wal
# dd and cp changed nothing of the copy itself
ok "it is as it was" update

# A set that is not for it.
must_fail 1 seg-plan -u copy.db \
	"other/$(seg-list shop | sed -n '1s/\t.*//; 1s/.*\///p')"
err_like '^seg-plan: copy.db: a copy of shop, not of other$' "another namespace"
seg-list shop | tail -n 2 | head -n 1 | cut -f 1 >last
changes "INSERT INTO t VALUES (-3, 'x')"
ok "cut" back_up
changes "INSERT INTO t VALUES (-4, 'x')"
ok "cut" back_up
seg-list shop | sed '$d' | tail -n 1 | seg-fetch -e -d f | sed '$d' >gap
must_fail 1 seg-restore -e -u copy.db <gap
err_like '^seg-restore: copy.db: ends at frame [0-9]+, and the set begins at [0-9]+$' "a gap"
is "$(planned | wc -w)" 2 "two are lacking"
seg-fetch -d f <plan >files
seg=$(sed -n 1p files | cut -f 1)
cp copy.db before.db
cp "$seg" seg.whole
chmod u+w "$seg"
printf 'zz' | dd of="$seg" bs=1 seek=300 conv=notrunc 2>/dev/null
must_fail 1 seg-restore -u copy.db <files
same copy.db before.db "damaged data leaves the copy as it was"
cp seg.whole "$seg"
echo '!' >failed
must_fail 1 seg-restore -u copy.db <failed
must_fail 2 seg-restore -u - <files
must_fail 2 seg-restore -u "$T" <files
err_like 'not a regular file' "a directory"
ok "a dry run" seg-restore -n -u copy.db <files
same copy.db before.db "writes nothing"
no_leftovers .

# In use, in WAL mode: held up.
cp -p copy.db-seg seg.good
python3 - copy.db <<-'EOF' &
	import sqlite3, sys, time, os
	c = sqlite3.connect(sys.argv[1])
	c.execute("SELECT count(*) FROM t").fetchone()
	open("open", "w").close()
	while not os.path.exists("close"): time.sleep(.05)
EOF
while [ ! -e open ]; do sleep 0.05; done
must_fail 3 seg-restore -u --busy-timeout 100 copy.db <files
err_like '^seg-restore: copy.db: another process has it in use$' "said"
same copy.db before.db "left"
: >close
wait
ok "then it is brought up" seg-restore -u copy.db <files
ok "right" is_current

# Killed at every point: the old state or the new one, and the next run goes on.
changes "UPDATE t SET v = v || 'k' WHERE id % 20 = 0"
ok "cut" back_up
planned >/dev/null
seg-fetch -d f <plan >files
mkdir base
cp -p copy.db copy.db-seg base
is_current >/dev/null 2>&1
new=$(cksum <whole.db)
old=$(cksum <copy.db)
kills() {
	n=0
	st=0
	bad=
	while :; do
		n=$((n + 1))
		seg-restore -u -F copy.db <all.files >/dev/null 2>&1 || bad="$bad base"
		[ "$(cksum <copy.db)" = "$old" ] || bad="$bad $n:base"
		fs FS_KILL=$n seg-restore -u copy.db <files >/dev/null 2>&1
		st=$?
		[ $st = 0 ] && return
		[ $st = 137 ] || bad="$bad $n:$st"
		case $(cksum <copy.db) in
		"$new" | "$old") ;;
		*) bad="$bad $n:neither" ;;
		esac
		seg-list shop | seg-plan -u copy.db 2>/dev/null |
			seg-fetch -d f | seg-restore -u copy.db || bad="$bad $n:rerun"
		[ "$(cksum <copy.db)" = "$new" ] || bad="$bad $n:after"
		[ -z "$(find . -maxdepth 1 -name '.segtmp-*')" ] || bad="$bad $n:left"
	done
}
# the state before, whole, to begin from each time
end=$(sed -n '2p' copy.db-seg | cut -f 2)
[ "$(sed -n '3p' copy.db-seg)" = "" ] || end=$(sed -n '3p' copy.db-seg | cut -f 2)
seg-list shop | seg-plan -f "$end" | seg-fetch -d f >all.files
kills
is "$bad" "" "killed at each of $n points"
is "$((n > 5))" 1 "there are some"

# The same again; and by another one, while the pages that are there are copied.
ok "the state before" seg-restore -u -F copy.db <all.files
ok "brought up to date" seg-restore -u copy.db <files
inode=$(stat -c %i copy.db)
ok "the same again" seg-restore -u copy.db <files
is "$(stat -c %i copy.db)" "$inode" "is done already"
ok "the state before" seg-restore -u -F copy.db <all.files
ok "the same meanwhile" fs \
	FS_RUN="ioctl=seg-restore -u copy.db <files; echo \$? >st" \
	seg-restore -v -u copy.db <files
err_like 'copy.db: done already' "is found done"
is "$(cat st) $(cksum <copy.db)" "0 $new" "and done it is"

# Several at once: all of them are done, or find it done.
at_once() {
	seg-restore -u --busy-timeout 600000 copy.db <files 2>err."$1"
	echo $? >st."$1"
}
bad=
for i in 1 2 3 4 5; do
	seg-restore -u -F copy.db <all.files || bad="$bad base"
	for k in 1 2 3 4; do
		at_once $k &
	done
	wait
	[ "$(cat st.1 st.2 st.3 st.4 | tr -d '\n')" = 0000 ] ||
		bad="$bad $(cat st.? err.?)"
	[ "$(cksum <copy.db)" = "$new" ] || bad="$bad $i:differs"
	[ -z "$(planned)" ] || bad="$bad $i:seg"
done
is "$bad" "" "four at once"
rm copy.db copy.db-seg
seg-list shop | seg-plan | seg-fetch -d f >files
for k in 1 2 3 4; do
	at_once $k &
done
wait
is "$(cat st.1 st.2 st.3 st.4 | tr -d '\n')" 0000 "four make it at once"
ok "right" is_current
is "$(planned)" "" "and known"

# Another one does it, or more than that, at a chosen moment.
ok "where it stands" cp -p copy.db was.db
cp -p copy.db-seg was.db-seg
changes "UPDATE t SET v = 'one' WHERE id % 500 = 3"
ok "a change" back_up
planned >ranges
seg-fetch -d f <plan >one
changes "UPDATE t SET v = 'two' WHERE id % 500 = 4"
ok "and another" back_up
planned >ranges
seg-fetch -d f <plan >both
ok "what is copied was replaced by the same" \
	fs "FS_RUN=open@copy.db=seg-restore -u copy.db <one" \
	seg-restore -v -u copy.db <one
err_like 'done already' "it is done"
seg-restore -u copy.db <both 2>err # it begins behind one, or at it
seg-list shop | seg-plan -u copy.db | seg-fetch -d f | seg-restore -u copy.db
ok "right" is_current
cp -p copy.db-seg newest-seg
changes "UPDATE t SET v = 'three' WHERE id % 500 = 5"
ok "a change" back_up
planned >ranges
seg-fetch -d f <plan >one
changes "UPDATE t SET v = 'four' WHERE id % 500 = 6"
ok "and another" back_up
must_fail 3 fs "FS_RUN=fsync@copy.db=seg-restore -u copy.db <one && seg-list shop |
	seg-plan -u copy.db | seg-fetch -d f | seg-restore -u copy.db" \
	seg-restore -u copy.db <one
err_like 'another process changed it meanwhile' "what is newer stays"
ok "right" is_current
rm was.db was.db-seg newest-seg both

# Another history that ends at the same frame
mkseg m other 1 10 100 10 1 10 >first
mkseg m other 11 20 200 10 1 10 >ours
mkseg m2 other 11 20 201 10 1 10 1 2 >theirs
ok "a copy" seg-restore -u other.db "$(cat first)"
ok "goes on" seg-restore -u other.db "$(cat ours)"
must_fail 1 seg-restore -u other.db "$(cat theirs)"
err_like 'ends at frame 20, and the set begins at 11' "another's change is not its"
mkseg m3 alien 21 30 300 10 1 10 >alien.f
must_fail 1 seg-restore -u other.db "$(cat alien.f)"
err_like 'a copy of other, not of alien' "nor is another database's"

# Through a symbolic link: the file that is meant.
mkdir there
ln -s there/real.db link.db
seg-fetch -d f <plan >/dev/null
ok "made through a link" seg-restore -u link.db <files
ok "brought up through it" sh -c 'seg-list shop | seg-plan -u link.db | seg-fetch -d f |
	seg-restore -u link.db'
is "$(find link.db there -type l -o -type f | LC_ALL=C sort | tr '\n' ' ')" \
	"link.db there/real.db there/real.db-seg " "the link stays"
no_leftovers .

# Root brings another's up to date: both files stay his, whatever the umask.
if [ "$(id -u)" = 0 ]; then
	chown 65534:65534 there/real.db
	changes "UPDATE t SET v = 'root' WHERE id % 500 = 1"
	ok "a change" back_up
	ok "by root" sh -c 'umask 077; seg-list shop | seg-plan -u link.db |
		seg-fetch -d f | seg-restore -u link.db'
	is "$(stat -c '%u:%g %a' there/* | uniq)" "65534:65534 644" "the owner's"
fi

# The old copy is cloned where the file system can, else the kernel copies it
# (which is made to fail here).
changes "UPDATE t SET v = 'clone' WHERE id % 500 = 1"
ok "a change" back_up
seg-list shop | seg-plan -u link.db >plan
is "$(grep -c / plan)" 1 "through a link it is planned what the copy lacks"
seg-fetch -d f <plan >files
must_fail 3 fs "FS_FAIL=ioctl=EOPNOTSUPP copy_file_range=EIO" \
	seg-restore -u link.db <files
ok "copied" seg-restore -u link.db <files
# on_clones: on a file system that has them, if one can be mounted here
on_clones() {
	mkdir clones && truncate -s 320M image && mkfs.xfs -q -m reflink=1 image &&
		mount -o loop image clones
}
if on_clones >/dev/null 2>err; then
	at_exit() { umount "$T/clones"; }
	cp "$(readlink link.db)" clones/copy.db
	seg-list shop | seg-plan | seg-fetch -d clones/f >files
	ok "a copy where there are clones" seg-restore -Fu clones/copy.db <files
	changes "UPDATE t SET v = 'more' WHERE id % 500 = 2"
	ok "a change" back_up
	seg-list shop | seg-plan -u clones/copy.db | seg-fetch -d clones/f >files
	ok "brought up by a clone" fs FS_LOG="$T/log" FS_FAIL=copy_file_range=EIO \
		seg-restore -u clones/copy.db <files
	is "$(($(grep -c '^write .*copy.db$' log) < 40))" 1 "what changed is written alone"
	cp clones/copy.db copy.db
	ok "right" is_current
else
	note "no clones here: $(head -n 1 err)"
fi
done_testing
