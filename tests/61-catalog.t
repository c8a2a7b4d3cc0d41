#!/bin/sh
# The catalogue in use: what seg-upload -k and seg-rm -k record, and catalogues
# that are none, may not be changed, or are locked.
. "$(dirname "$0")/lib.sh"

SEG_STORE=$T/store
export SEG_STORE
mkdir store
ok "a catalogue" seg-sync -k cat.db --add shop --add blog

# as_listed DESC [NAMESPACE...]: the catalogue says what the store does
as_listed() {
	desc=$1
	shift
	run seg-list "$@"
	cp out wanted
	run seg-list -k cat.db "$@"
	same out wanted "$desc"
}
seg() { # NAMESPACE START END TIME [SEED]
	mkseg work "$1" "$2" "$3" "$4" 9 1 1 1 "${5:-1}"
}
rows() {
	sql cat.db "SELECT count(*) FROM segments"
}
changes() {
	sql cat.db "SELECT changes FROM namespaces WHERE name = 'shop'"
}

# --- what is recorded
{
	seg shop 1 10 100
	seg shop 11 20 200
	echo
	seg blog 1 5 100
	echo
	seg other 1 5 100
	echo
} >paths
ok "a dry run" seg-upload -n -k cat.db <paths
is "$(rows)" 0 "records nothing"
ok "upload" seg-upload -v -k cat.db <paths
err_like "^seg-upload: cat.db: other: not monitored" \
	"what is not monitored is not recorded, -v says so"
as_listed "shop is recorded" shop
as_listed "blog is recorded" blog
is "$(rows)" 3 "and no more"
ok "monitored" seg-sync -k cat.db --monitored
is "$(cat out)" "blog
shop" "nor is it monitored now"
sql cat.db "DELETE FROM segments"
before=$(changes)
ok "uploaded again" seg-upload -k cat.db <paths
as_listed "what exists already is recorded" shop blog
is "$(changes)" $((before + 1)) "two segments in one transaction"
ok "nothing to do for seg-sync" seg-sync -k cat.db shop blog
as_listed "and no change" shop blog

seg shop 1 20 200 2 >merged
ok "a merge, moved" seg-upload -m -k cat.db "$(cat merged)"
absent "$(cat merged)"
as_listed "is recorded" shop
seg shop 12 19 150 >fork
must_fail 1 seg-upload -k cat.db "$(cat fork)"
as_listed "what is refused is not" shop
seg blog 6 9 300 >good
printf x | dd of="$(sed -n 1p fork)" bs=1 seek=5000 conv=notrunc 2>/dev/null
must_fail 1 seg-upload -k cat.db "$(cat fork)" "$(cat good)"
is "$(cut -f 2,3 out)" "6	9
!" "one of two is published"
as_listed "and recorded" shop blog

ok "seg-plan -x" sh -c 'seg-list -k cat.db shop | seg-plan -x -o 0s >obsolete'
ok "a dry run" seg-rm -n -k cat.db <obsolete
as_listed "forgets nothing" shop
is "$(rows)" 5 "(five rows)"
ok "removed" seg-rm -k cat.db <obsolete
is "$(cut -f 2,3 out)" "1	10
11	20" "(two segments)"
as_listed "is forgotten" shop
seg-upload -F "$(sed -n 1p paths)" >parts
ok "full" seg-sync -k cat.db --full
ok "removed without -k" seg-rm <parts
ok "again, with -k" seg-rm -v -k cat.db <parts
err_like "gone already" "gone already"
as_listed "is forgotten too" shop
ok "what is not monitored" sh -c 'seg-list other | seg-rm -F -v -k cat.db'
err_like "^seg-rm: cat.db: other: not monitored" "-v says so"

# an index that goes although its data cannot
if [ "$(id -u)" = 0 ]; then
	cp -Rp store locked
	cp cat.db locked.db
	find locked -type d -exec chmod 777 {} +
	chmod 666 locked.db
	as_nobody true # makes its copy of the commands
	chmod 777 .
	chmod 555 locked/v2/clusters/default/namespaces/blog/segments
	must_fail 2 as_nobody sh -c 'seg-list -s locked blog |
		sed -n 2p | seg-rm -F -e -s locked -k locked.db'
	is "$(cat out)" "!" "data that cannot be removed"
	run seg-list -s locked blog
	cp out wanted
	run seg-list -k locked.db blog
	same out wanted "an index that has gone is forgotten"
	chmod 755 .
	rm -rf locked locked.db*
fi

# Many segments are few transactions.
for i in $(seq 200); do seg shop $((i + 20)) $((i + 20)) $((i + 200)); done >many
before=$(changes)
ok "200 segments" seg-upload -m -e -k cat.db <many
as_listed "are recorded" shop
[ $(($(changes) - before)) -le 4 ]
is $? 0 "in 4 transactions or fewer"
before=$(changes)
ok "and removed" sh -c 'seg-list shop | sed 1d | seg-rm -F -k cat.db'
as_listed "and forgotten" shop
[ $(($(changes) - before)) -le 4 ]
is $? 0 "in 4 transactions or fewer"

# Compressed ones, of the later layout too, are recorded as they are listed: PAGES
# unknown, whatever their size.
objects=store/v2/clusters/default/namespaces/z/segments
ok "another namespace" seg-sync -k cat.db --add z --add ns1
segments=$TOP/tests/data/segments
for s in source later_segment3; do
	rm -rf form
	seg-list -C c1 -s "$segments/$s" ns1 | seg-fetch -C c1 -s "$segments/$s" \
		-d form >"$s.files"
	for z in "" -z; do
		rm -rf store/v2/clusters/default/namespaces/ns1
		seg-sync -k cat.db --full ns1
		ok "$s $z" seg-upload $z -F -k cat.db <"$s.files"
		cp out uploaded
		as_listed "$s $z: is recorded" ns1
		ok "nothing to do for seg-sync" seg-sync --full -k cat.db ns1
		as_listed "$s $z: and no change" ns1
		ok "planned" sh -c 'seg-list -k cat.db ns1 | seg-plan -a'
		cp out planned
		seg-list ns1 | seg-plan -a >wanted
		same planned wanted "$s $z: as from the store"
	done
done
seg z 1 2 100 >z.path
key=$(sed 's/.*\///;s/\..*//' z.path)
mkdir -p "$objects"
zseek <"$(cat z.path)" >z.zst
# (64 bytes and 4112 a page; behind its table something that zstd passes over.)
size=$(size z.zst)
fill=$(((64 + 2 * 4112 - size - 8) % 4112))
perl -e 'print pack("VV", 0x184D2A50, $ARGV[0]), "x" x $ARGV[0]' $fill |
	cat z.zst - >"$objects/$key.zst"
is "$((($(size "$objects/$key.zst") - 64) % 4112))" 0 "of whole pages, it seems"
ok "uploaded" seg-upload -z -k cat.db "$(cat z.path)"
is "$(cut -f 5 out)" "-" "nobody counts its pages"
as_listed "it is recorded" z

# What another machine published before is not lost sight of.
ok "another machine's" sh -c 'seg-upload "$(mkseg work shop 21 30 400 9 1 3)"'
ok "ours after it" sh -c 'seg-upload -k cat.db "$(mkseg work shop 31 40 500 9 1 3)"'
run seg-list -k cat.db shop
is "$(cut -f 2,3 out | tr '\t\n' '- ')" "1-20 31-40  " "theirs is not known yet"
ok "seg-sync" seg-sync -k cat.db
as_listed "finds it, though the newest END was known" shop
ok "ours" sh -c 'seg-upload -k cat.db "$(mkseg work shop 41 50 600 9 1 3)"'
ok "a full cut after it" sh -c 'seg-upload -k cat.db "$(mkseg work shop 1 60 700 9 1 3)"'
as_listed "ours are all known" shop
ok "removed without -k" sh -c 'seg-list shop | tail -n 2 | seg-rm -e -F'
ok "another machine's with the same END" sh -c \
	'seg-upload "$(mkseg work shop 51 60 701 9 1 3)"'
ok "seg-sync" seg-sync -k cat.db
run seg-list -k cat.db shop
is "$(tail -n 3 out | cut -f 2,3 | tr '\t\n' '- ')" "1-60 51-60  " "is found"
ok "full" seg-sync -k cat.db --full
as_listed "--full forgets the other one" shop

# What is recorded while a sync is listing is not undone by what it has listed.
seg shop 61 62 800 >late
ok "an upload while a sync lists" fs \
	FS_RUN="opendir@namespaces/shop/#2=seg-upload -q -k cat.db $(cat late) >late.out" \
	seg-sync --full -k cat.db shop
is "$(sed 1q late.out | cut -f 2)" 61 "is published"
as_listed "and stays recorded" shop
ok "and gone again" sh -c 'seg-list shop | tail -n 2 | seg-rm -e -F -k cat.db'

# --- catalogues that cannot be used: found out before anything is done
cp -Rp store before
sqlite3 other.db "CREATE TABLE t(x)"
cp other.db other.before
echo "this is not a database, not even nearly" >junk.db
: >empty.db
cp cat.db newer.db
sql newer.db "PRAGMA user_version = 4" >/dev/null
head -c 4000 cat.db >short.db
{
	seg shop 61 70 900
	echo
} >next
seg-list shop >listing
# refused STATUS CATALOG PATTERN [AS]: by both, and by seg-sync and seg-list
refused() {
	for c in "seg-upload -m --create -s $T/new -k" "seg-upload -k" \
		"seg-rm -F -k" "seg-sync --full -k" "seg-list -k"; do
		case $c in
		seg-rm*) in=listing ;;
		seg-list*) [ -z "${5:-}" ] || continue ;;
		seg-sync*)
			case $2 in empty.db | none.db) continue ;; esac
			;;
		*) in=next ;;
		esac
		# shellcheck disable=SC2086
		must_fail "$1" ${4:-} $c "$2" <$in
		err_like "^${c%% *}: $2: $3" "says why"
		empty out "prints nothing"
	done
	absent new
	diff -r store before >/dev/null
	is $? 0 "$2: nothing was done"
}
refused 1 none.db "No such file"
absent none.db
refused 1 other.db "not a catalogue"
same other.db other.before "untouched"
refused 1 junk.db ".*not a database"
refused 1 empty.db "not a catalogue"
refused 1 newer.db "catalogue of version 4"
refused 1 short.db "database disk image is malformed"
mkdir dir.db
mkfifo fifo.db
exec 7<>fifo.db # or it would be waited for
for f in dir.db fifo.db /dev/null; do
	refused 2 $f "not a regular file"
	must_fail 2 seg-sync -k cat.db --from-db $f
	err_like "^seg-sync: $f: not a regular file" "nor is that a metastore"
done
exec 7<&-
for c in "seg-list -k" "seg-sync -k" "seg-sync -k cat.db --from-db" \
	"seg-cut --list" "seg-cut -d"; do
	# shellcheck disable=SC2086
	must_fail 2 $c ""
	err_like "^${c%% *}: --*[a-z-]*: no [a-z]* named" "$c: an empty name is none"
done
if [ "$(id -u)" = 0 ]; then
	chmod -R a+rwX store next listing work
	cp -Rp store/. before
	chmod 777 .
	chmod 444 cat.db
	refused 2 cat.db "may not be written" as_nobody write
	ok "a catalogue that may only be read: list" as_nobody seg-list -k cat.db shop
	same out listing "is good for that"
	chmod 644 cat.db
	mkdir dir
	cp cat.db* dir
	refused 2 dir/cat.db "" as_nobody write
	chmod 755 .
	ok "in a directory that may only be read" as_nobody seg-list -k dir/cat.db shop
	same out listing "is good for that"
	rm dir/cat.db-wal dir/cat.db-shm # as sqlite3 does
	must_fail 2 as_nobody seg-list -k dir/cat.db shop
	err_like '^seg-list: dir/cat.db: in WAL mode, and its -wal and -shm' "why not: said"
fi

# Damaged in the middle: what can be read is answered, the rest is an error, and
# nothing is changed.
sql cat.db "INSERT INTO namespaces(name) VALUES('big');
	WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
		WHERE i < 20000)
	INSERT INTO segments SELECT (SELECT id FROM namespaces WHERE name = 'big'),
		printf('%020d', i), printf('%020d', i), printf('%020d', i), 4176, 1
	FROM n; PRAGMA wal_checkpoint(TRUNCATE)" >/dev/null
seg-list -k cat.db shop >listing
cp cat.db bad.db
yes junk | dd of=bad.db bs=4096 seek=100 count=200 iflag=fullblock conv=notrunc 2>err
cp bad.db bad.before
must_fail 1 seg-list -k bad.db big shop
err_like "^seg-list: bad.db: database disk image is malformed" "says so"
is "$(grep -Enx '!?' out | sed 's/[0-9]*://' | tr '\n' ' ')" "!  " \
	"the set fails; the next is good"
must_fail 1 seg-sync -k bad.db --full big
must_fail 1 sh -c 'seg-upload -F -k bad.db "$(mkseg work big 10000 10000 9 9 1 1)"'
err_like "^seg-upload: bad.db: database disk image is malformed" "says so"
is "$(cut -f 2 out)" "10000
!" "the upload is done and printed, the set fails"
seg-rm -F "$(seg-list big | head -n 1 | cut -f 1)" >/dev/null
ok "the good part" seg-list -k bad.db shop
same out listing "is as it was"
sqlite3 bad.before "PRAGMA wal_checkpoint" >/dev/null
sqlite3 bad.db "PRAGMA wal_checkpoint" >/dev/null
same bad.db bad.before "and the rest as bad as it was"
cp cat.db bad.db
sqlite3 bad.db "DROP TABLE segments"
refused_late() {
	must_fail 1 "$@"
	err_like "bad.db: no such table: segments" "says so"
}
refused_late seg-list -k bad.db shop
refused_late seg-sync -k bad.db --full shop
refused_late sh -c 'seg-list -q shop | tail -n 2 | seg-rm -F -k bad.db'
sql cat.db "DELETE FROM namespaces WHERE name = 'big'"
ok "full" seg-sync -k cat.db --full

# --- what cannot be made, or opened for writing: not for want of permission
seg-list shop >listing
for rule in open@new.db=ENOSPC open@new.db-journal=ENOSPC \
	open@new.db-wal=ENOSPC open@new.db-shm=ENOSPC; do
	rm -f new.db*
	must_fail 3 fs FS_FAIL="$rule" seg-sync -k new.db --add shop
	err_like "^seg-sync: new.db: " "$rule: named"
	ok "the next run" seg-sync -k new.db --add shop
	ok "listed" seg-list -k new.db shop
	same out listing "$rule: all is there"
done
for rule in open@new.db=EIO open@new.db-wal=EIO open@new.db-shm=EIO; do
	rm -f new.db-*
	must_fail 3 fs FS_FAIL="$rule" seg-sync -k new.db
done

# --- locked by another
# lock: begin to change it, and wait until that is so; unlock: undo it
mkfifo lockpipe
lock() {
	rm -f is-locked
	sqlite3 cat.db <lockpipe 3>&- &
	locker=$!
	exec 9>lockpipe
	printf '%s\n' ".timeout 5000" "BEGIN IMMEDIATE;" \
		"DELETE FROM segments;" ".shell touch is-locked" >&9
	while [ ! -e is-locked ]; do sleep 0.01; done
}
unlock() {
	exec 9>&-
	wait $locker
}
after() { # N: a segment of N frames after the newest
	last=$(seg-list shop | grep . | tail -n 1 | cut -f 3)
	seg shop $((last + 1)) $((last + $1)) 2000
}
after 1 >next
echo >>next
rm -rf before
cp -Rp store before
seg-list shop >listing
lock
for c in "seg-upload -m -k cat.db" "seg-rm -F -k cat.db" "seg-sync -k cat.db --full"; do
	in=next
	[ "${c%% *}" = seg-rm ] && in=listing
	# shellcheck disable=SC2086
	must_fail 3 sh -c "$c --retry-for 0 <$in"
	err_like "^${c%% *}: cat.db: database is locked" "says so"
	empty out "prints nothing"
done
diff -r store before >/dev/null
is $? 0 "nothing was done"
ok "reading is not blocked" seg-list -k cat.db --retry-for 0 shop
same out listing "nor sees what is not committed"
began=$(date +%s%3N)
must_fail 3 seg-sync -k cat.db --retry-for 1
[ $(($(date +%s%3N) - began)) -ge 1000 ]
is $? 0 "waited for a second"
seg-upload -m -k cat.db <next >out 2>err 9>&- &
upload=$!
sleep 0.5
kill -0 $upload
is $? 0 "it waits while it is locked"
unlock
wait $upload
is $? 0 "and goes on when it is not"
as_listed "the upload is recorded" shop

# Locked when it comes to recording: the upload is done, printed and said.
after 1 >next
after 2 >later
mkfifo pipe
seg-upload -F -m -k cat.db --retry-for 0 <pipe >out 2>err &
upload=$!
exec 3>pipe
cat next >&3
# (It has opened the catalogue when it has read that: FIONREAD.)
is_read() {
	perl -e 'ioctl(STDOUT, 0x541B, $n = pack("i", 0)) && exit unpack("i", $n)' >&3
}
await is_read
lock
echo >&3
cat later >&3
echo >&3
exec 3>&-
wait $upload
is $? 3 "locked before recording: status 3"
unlock
is "$(grep -c /shop/ next later | cut -d: -f 2 | tr '\n' ' ')$(cut -f 2 out |
	sed 's/^[0-9]*$/N/' | tr '\n' ' ')" "1 1 N ! N ! " \
	"both are printed, both sets fail"
is "$(cat err)" "seg-upload: cat.db: database is locked" "said once"
seg-list shop | grep -c . >count
is "$(cat count)" $(($(grep -c . listing) + 3)) "both are in the store"
ok "seg-sync --full" seg-sync -k cat.db --full
as_listed "makes it good" shop
done_testing
