#!/bin/sh
# seg-restore -F: a database in the place of another, and what is beside it.
# Whatever fails and wherever it is killed, the old one is there with all that
# was committed to it, or the new one with nothing that would be applied to it.
. "$(dirname "$0")/lib.sh"

sqlite3 new.db "CREATE TABLE t(x); INSERT INTO t VALUES('new')"
seg=$(seg-cut -d w shop new.db | sed -n '1s/\t.*//p')
seg2=$(make_db other.db 20 4096 delete && seg-cut -d w2 shop other.db | sed -n '1s/\t.*//p')
[ "$(id -u)" = 0 ] && root=1 || root=
alias_rows="SELECT group_concat(x) FROM t"

# --- old databases, each made once in o/NAME and copied to now.db*

mkdir o
mkdir o/wal o/journal o/orphan o/wreck o/plain
# Committed rows in the -wal alone.
sqlite3 x.db >/dev/null <<'SQL'
PRAGMA journal_mode = wal;
CREATE TABLE t(x);
INSERT INTO t VALUES('old');
PRAGMA wal_checkpoint(TRUNCATE);
INSERT INTO t VALUES('committed');
.shell cp x.db o/wal/now.db; cp x.db-wal o/wal/now.db-wal
SQL
# A transaction that was not, in the middle of which the program died.
sqlite3 y.db >/dev/null <<'SQL'
CREATE TABLE t(x);
INSERT INTO t VALUES('old'), ('committed');
CREATE TABLE big(b);
INSERT INTO big SELECT randomblob(3000) FROM
	(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
	WHERE i < 100) SELECT i FROM n);
PRAGMA cache_size = 5;
BEGIN;
UPDATE t SET x = 'lost';
UPDATE big SET b = zeroblob(3000);
.shell cp y.db o/journal/now.db; cp y.db-journal o/journal/now.db-journal
SQL
cp o/wal/now.db-wal o/orphan/now.db-wal
cp o/wal/now.db-wal o/wreck/now.db-wal
head -c 8192 /dev/urandom >o/wreck/now.db
sqlite3 o/plain/now.db "CREATE TABLE t(x); INSERT INTO t VALUES('old'), ('committed')"

# old NAME: it is there, and nothing else
old() {
	rm -rf d
	cp -r "o/$1" d
}

# rows DB
rows() {
	sqlite3 "$1" "$alias_rows" 2>&1
}

for name in wal journal plain; do
	old $name
	is "$(rows d/now.db)" old,committed "the $name one has its rows"
done
for name in wal journal; do
	old $name
	rm d/now.db-$name
	[ "$(rows d/now.db)" != old,committed ]
	is $? 0 "but not without its -$name"
done

# --- it is replaced
for name in wal journal orphan wreck plain; do
	old $name
	ok "$name: replaced" seg-restore -F d/now.db "$seg"
	same d/now.db new.db "$name: it is the new one"
	is "$(ls -A d)" now.db "$name: nothing is beside it"
done

# --- it cannot be: nothing was lost
for name in wal journal orphan wreck plain; do
	old $name
	must_fail 3 fs FS_FAIL='rename@.segtmp-now.db#1=EBUSY' \
		seg-restore -F d/now.db "$seg"
	err_like '^seg-restore: d/now.db: Device or resource busy$' "$name: said"
	case $name in
	orphan | wreck)
		same d/now.db-wal "o/$name/now.db-wal" "$name: its -wal is back"
		;;
	*)
		is "$(rows d/now.db)" old,committed "$name: whole"
		;;
	esac
	no_leftovers d
	[ $name = orphan ] && absent d/now.db
	[ $name = wreck ] && same d/now.db o/wreck/now.db "as it was"
done
for rule in fsync@now.db-wal ftruncate@now.db-wal write@d/now.db \
	fdatasync@d/now.db fsync@.segtmp fchmod@.segtmp; do
	old wal
	must_fail 3 fs FS_FAIL="$rule=EIO" seg-restore -F d/now.db "$seg"
	is "$(rows d/now.db)" old,committed "$rule fails: whole"
	no_leftovers d
done

damaged=damaged/shop/$(basename "$seg")
mkdir -p damaged/shop
{
	head -c 5000 "$seg"
	printf X
	tail -c +5002 "$seg"
} >"$damaged"
for name in wal journal wreck; do
	old $name
	must_fail 1 seg-restore -F d/now.db "$damaged"
	is "$(find d -type f -exec cksum {} + | sort)" "$(cd o/$name &&
		find . -type f -exec cksum {} + | sed 's,\./,d/,' | sort)" \
		"$name: a damaged set touches nothing"
done

# A directory beside it is nobody's to remove, and nothing can be in its place.
for beside in wal shm journal seg; do
	for flags in "" -F -u -uF; do
		# Without -u DB-seg is a name as any other.
		[ $beside != seg ] || [ "${flags#-u}" != "$flags" ] || continue
		rm -rf d
		mkdir -p d/now.db-$beside/x
		# shellcheck disable=SC2086
		must_fail 2 seg-restore $flags d/now.db "$seg"
		is "$(cat err)" \
			"seg-restore: d/now.db-$beside: a directory, where a file belongs" \
			"said"
		is "$(ls -A d)" now.db-$beside "nothing is put in place"
		[ "${flags%F}" != "$flags" ] || continue
		cp o/plain/now.db d
		must_fail 2 seg-restore $flags d/now.db "$seg"
		is "$(cd d && printf '%s ' now.db*)" "now.db now.db-$beside " "nothing goes"
		[ $beside = seg ] || rmdir d/now.db-$beside/x d/now.db-$beside
		is "$(rows d/now.db)" old,committed "the old one is there"
	done
done

# --- in an order that a loss of power at any moment does not harm
old wal
ok "watched" fs FS_LOG="$T/log" seg-restore -F d/now.db "$seg"
# order PATTERN...: the lines of the log that match come in this order
order() {
	sed "s,$T/,,g; s,\./,,g" log >log.short
	at=0
	for pattern; do
		n=$(tail -n +$((at + 1)) log.short | grep -nx -m 1 -e "$pattern" |
			cut -d: -f1)
		if [ -z "$n" ]; then
			fail "then: $pattern"
			show_file log.short log
			return
		fi
		at=$((at + n))
	done
	pass "in order: $*"
}
order 'fsync d/.segtmp-now.db' 'f.*sync d/now.db' 'ftruncate d/now.db-wal' \
	'fsync d/now.db-wal' 'rename d/.segtmp-now.db d/now.db' 'fsync d' \
	'unlink d/now.db-wal' 'fsync d'
old orphan
rm log
ok "watched" fs FS_LOG="$T/log" seg-restore -F d/now.db "$seg"
order 'rename d/now.db-wal d/.segtmp-now.db-wal' 'fsync d' \
	'rename d/.segtmp-now.db d/now.db' 'fsync d' \
	'unlink d/.segtmp-now.db-wal' 'fsync d'

# --- killed at every point
for name in wal journal orphan wreck plain; do
	n=0
	bad=
	st=137
	while [ $st = 137 ] && [ $n -lt 300 ]; do
		n=$((n + 1))
		old $name
		st=0
		(fs FS_KILL=$n seg-restore -F d/now.db "$seg") 2>err || st=$?
		if cmp -s d/now.db new.db; then
			got=$(rows d/now.db)
			[ "$got" = new ] || bad="$bad new:$n:$got"
		elif [ $name = orphan ]; then
			[ ! -e d/now.db ] || bad="$bad there:$n"
		elif [ $name = wreck ]; then
			cmp -s d/now.db o/wreck/now.db || bad="$bad wreck:$n"
		else
			got=$(rows d/now.db)
			[ "$got" = old,committed ] || bad="$bad old:$n:$got"
		fi
		seg-restore -F d/now.db "$seg" || bad="$bad next:$n"
		[ "$(ls -A d) $(rows d/now.db)" = "now.db new" ] ||
			bad="$bad after:$n"
	done
	is "$st$bad" 0 "$name: killed at each of $n points, and run again"
	[ $n -gt 10 ]
	is $? 0 "there were some"
done

# --- where renameat2() has no flags: killed between link and unlink
cp new.db now.db
sqlite3 now.db "INSERT INTO t VALUES('since')"
ln now.db .segtmp-now.db
must_fail 1 seg-restore -F now.db "$damaged"
is "$(rows now.db)" new,since "the database has another name still: left alone"
n=0
st=137
bad=
while [ $st = 137 ] && [ $n -lt 100 ]; do
	n=$((n + 1))
	rm -rf d
	mkdir d
	st=0
	(fs FS_FAIL=renameat2=EINVAL FS_KILL=$n seg-restore d/now.db "$seg") \
		2>err || st=$?
	[ ! -e d/now.db ] || cmp -s d/now.db new.db || bad="$bad $n"
	[ ! -e d/now.db ] || sqlite3 d/now.db "INSERT INTO t VALUES('since')"
	seg-restore -F d/now.db "$damaged" 2>err && bad="$bad $n:ok"
	[ ! -e d/now.db ] || [ "$(rows d/now.db)" = new,since ] ||
		bad="$bad $n:lost"
done
is "$st$bad" 0 "killed at each of $n points, then a restore that fails"
for rule in 'renameat2=EINVAL link=EPERM' 'renameat2=ENOSYS link=EOPNOTSUPP'; do
	rm -f d/now.db
	ok "neither flags nor links" fs FS_FAIL="$rule" seg-restore d/now.db "$seg"
	same d/now.db new.db "restored"
	must_fail 1 fs FS_FAIL="$rule" \
		FS_RUN='link@.segtmp=cp other.db d/late.db' \
		seg-restore d/late.db "$seg"
	same d/late.db other.db "what came in between is not replaced"
	rm d/late.db
done

# --- in use
# with DB SQL: a program that has done that, and waits
with() {
	rm -f fifo ready
	mkfifo fifo
	sqlite3 "$1" <fifo >ready 2>&1 &
	program=$!
	exec 8>fifo
	printf '%s;\nSELECT 1;\n.output\n' "$2" >&8
	while [ ! -s ready ]; do sleep 0.02; done
}
# done_with: it ends
done_with() {
	exec 8>&-
	wait $program
}
for sql in 'BEGIN IMMEDIATE' 'BEGIN; SELECT * FROM t' 'BEGIN EXCLUSIVE'; do
	old plain
	with d/now.db "$sql"
	must_fail 3 seg-restore -F --busy-timeout 100 d/now.db "$seg"
	err_like '^seg-restore: d/now.db: another process has it in use$' "$sql"
	done_with
	is "$(rows d/now.db)" old,committed "it is as it was"
	ok "later" seg-restore -F d/now.db "$seg"
done
old wal
with d/now.db 'SELECT * FROM t'
must_fail 3 seg-restore -F --busy-timeout 100 d/now.db "$seg"
echo "INSERT INTO t VALUES('afterwards');" >&8
done_with
is "$(rows d/now.db)" old,committed,afterwards "open in WAL mode: nothing is lost"
old wal
with d/now.db 'SELECT * FROM t'
mv d/now.db d/moved
cp o/plain/now.db d
must_fail 3 seg-restore -F --busy-timeout 100 d/now.db "$seg"
err_like 'in use$' "what is beside it is in use by who has another file open"
done_with
old plain
with d/now.db 'BEGIN IMMEDIATE'
(
	sleep 0.5
	echo 'COMMIT;' >&8
) &
ok "it is waited for" seg-restore -F --busy-timeout 600000 d/now.db "$seg"
done_with
old plain
ok "nobody gets in between" fs FS_RUN='rename@.segtmp-now.db=
	sqlite3 d/now.db "INSERT INTO t VALUES(1)" 2>said; [ $? != 0 ] &&
	grep -q locked said && { seg-restore -F --busy-timeout 100 d/now.db \
	'"$seg"' 2>said; [ $? = 3 ]; }' seg-restore -F d/now.db "$seg"
same d/now.db new.db "it is the new one"
old plain
ok "eight at once" sh -c 'seq 8 |
	xargs -P 8 -I N seg-restore -F --busy-timeout 600000 d/now.db "$1"' sh "$seg"
same d/now.db new.db "it is the new one"
is "$(ls -A d)" now.db "and all there is"
for rule in lock=ENOLCK lock=EINVAL; do
	old plain
	ok "$rule: done without" fs FS_FAIL="$rule" seg-restore -F d/now.db "$seg"
	same d/now.db new.db "it is the new one"
done

# --- the same made meanwhile
rm -rf d
mkdir d
ok "the same database, made meanwhile" fs \
	FS_RUN="renameat2@.segtmp=seg-restore d/now.db $seg" \
	seg-restore d/now.db "$seg"
same d/now.db new.db "is as good"
rm d/now.db
must_fail 1 fs FS_RUN="renameat2@.segtmp=cp other.db d/now.db" \
	seg-restore d/now.db "$seg"
err_like '^seg-restore: d/now.db: exists already' "another one is not"
same d/now.db other.db "nor replaced"
rm d/now.db
must_fail 1 fs FS_RUN="fchmod@.segtmp=cp o/wal/now.db-wal d" \
	seg-restore d/now.db "$seg"
err_like '^seg-restore: d/now.db-wal: left of another database' \
	"nor a -wal that was made meanwhile"
is "$(ls -A d)" now.db-wal "nothing is made beside it"

# --- what is meant
mkdir links
old wal
ln -s ../d/now.db links/a
ln -s a links/b
: >links/b-wal
ok "a link to a link" seg-restore -F links/b "$seg"
same d/now.db new.db "is followed"
is "$(ls -A d)" now.db "beside the file nothing is left"
is "$(readlink links/b links/a | tr '\n' ' ') $(ls links/b-wal)" \
	"a ../d/now.db  links/b-wal" "beside the link all is as it was"
rm d/now.db
must_fail 1 seg-restore links/a "$seg"
ok "a link to what is not there" seg-restore -F links/a "$seg"
same d/now.db new.db "is followed"
ln -s loop links/loop
must_fail 2 seg-restore -F links/loop "$seg"
mkfifo links/fifo
ln -s fifo links/to-fifo
ln -s /dev/null links/null
for f in links links/fifo links/to-fifo links/null /dev/null; do
	must_fail 2 timeout 600 seg-restore -F $f "$seg"
	err_like 'not a regular file$' "$f"
	must_fail 2 timeout 600 seg-restore -F -n $f "$seg"
done
is "$(stat -c %F links/fifo /dev/null | tr '\n' ' ')" \
	"fifo character special file " "all are what they were"

# --- whose it is
old wal
chmod 640 d/now.db
ok "a mode" seg-restore -F d/now.db "$seg"
is "$(stat -c %a d/now.db)" 640 "is kept"
chmod 440 d/now.db
ok "of one that may not be written" seg-restore -F d/now.db "$seg2"
is "$(stat -c %a d/now.db)" 440 "is kept"
same d/now.db other.db "and it is the new one"
if [ "$root" ] && setpriv --reuid 65534 --regid 65534 --clear-groups true; then
	old wal
	chown -R 65534:65534 d
	chmod 600 d/now.db
	ok "another's" seg-restore -F d/now.db "$seg"
	is "$(stat -c '%u %g %a' d/now.db)" "65534 65534 600" "is his"
	is "$(ls -A d)" now.db "and nothing else there"
	chmod 777 d
	chown 1 d/now.db
	chmod -R a+rX w
	must_fail 2 as_nobody seg-restore -F d/now.db "$seg2"
	err_like 'its owner and group cannot be kept: Operation not permitted' "said"
	is "$(stat -c '%u %g %a' d/now.db)" "1 65534 600" "it is as it was"
	no_leftovers d
	old wal
	chown 1 d/now.db
	chmod 1777 d
	must_fail 2 as_nobody seg-restore -F d/now.db "$seg2"
	is "$(rows d/now.db)" old,committed "a sticky directory: it is whole"
	old wal
	if chattr +i d/now.db 2>/dev/null; then
		must_fail 2 seg-restore -F d/now.db "$seg"
		chattr -i d/now.db
		is "$(rows d/now.db)" old,committed "immutable: it is whole"
	fi
	old wal
	if unshare -m true 2>/dev/null; then
		# shellcheck disable=SC2016
		run unshare -m sh -c 'mount --bind d/now.db d/now.db || exit 9
			seg-restore -F d/now.db "$1"; s=$?; umount d/now.db; exit $s' \
			sh "$seg"
		[ "$status" = 9 ] || is "$status" 3 "a mount point: system failure"
		is "$(rows d/now.db)" old,committed "it is whole"
	fi
fi

# --- planted, for root to come by
if [ "$root" ] && setpriv --reuid 65534 --regid 65534 --clear-groups true; then
	rm -rf public
	mkdir public public/of-his
	chmod 1777 public
	old plain
	# planted OWNER FILE: a link of his in that place
	planted() {
		ln -sfn "$T/d/now.db" "$2"
		chown -h "$1" "$2"
	}
	planted 65534 public/now.db
	for how in -F -Fu; do
		must_fail 2 seg-restore $how public/now.db "$seg"
		err_like 'public/now.db: a symbolic link of somebody else.s, where all may write' \
			"$how: a link that another user has made in a public place"
		is "$(rows d/now.db)" old,committed "$how: is not followed"
	done
	ln -s "$T/public/now.db" by-the-way
	must_fail 2 seg-restore -F by-the-way "$seg"
	is "$(rows d/now.db)" old,committed "nor by way of one of our own"
	chown 65534 public/of-his
	planted 65534 public/of-his/now.db
	ok "one in a place of his own" seg-restore -F public/of-his/now.db "$seg"
	same d/now.db new.db "is followed"
	old plain
	planted 0 public/now.db
	ok "our own in a public place" seg-restore -F public/now.db "$seg"
	same d/now.db new.db "is followed"
	old plain
	chown 65534 public
	planted 65534 public/now.db
	ok "that of the place's owner" seg-restore -F public/now.db "$seg"
	same d/now.db new.db "is followed"
fi

# A hot journal names a file that goes with it, as that of a transaction in
# several databases does; whoever wrote it names what he likes.
cp o/journal/now.db-journal named
perl -e 'my ($page, $name) = @ARGV; my $sum = 0; $sum += ord for split //, $name;
	print pack("N", 0x40000000 / $page + 1), $name, pack("NN", length $name, $sum),
		"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"' 4096 "$T/precious" >>named
echo precious >precious
mkdir by-sqlite
cp o/journal/now.db named by-sqlite
mv by-sqlite/named by-sqlite/now.db-journal
is "$(rows by-sqlite/now.db)" old,committed "SQLite rolls such a journal back"
absent precious
echo precious >precious
old journal
cp named d/now.db-journal
must_fail 1 seg-restore -F d/now.db "$damaged"
ok "a journal that names another file" seg-restore -F d/now.db "$seg"
same d/now.db new.db "is put back"
is "$(ls -A d) $(cat precious)" "now.db precious" "and that file is not removed"
old journal
cp named d/now.db-journal
must_fail 3 fs FS_FAIL='rename@.segtmp-now.db#1=EBUSY' seg-restore -F d/now.db "$seg"
is "$(rows d/now.db) $(cat precious)" "old,committed precious" \
	"the old database is whole then"

# --- SQLite's check: bad, and one that cannot be run
sqlite3 rows.db 'CREATE TABLE t(x); CREATE INDEX i ON t(x);
	INSERT INTO t VALUES(1), (2); PRAGMA writable_schema = on;
	DELETE FROM sqlite_schema WHERE name = "i"'
sqlite3 rows.db 'INSERT INTO t VALUES(3); PRAGMA writable_schema = on;
	INSERT INTO sqlite_schema VALUES("index", "i", "t", 3, "CREATE INDEX i ON t(x)")'
p=$(seg-cut -d w4 rows rows.db | sed -n '1s/\t.*//p')
must_fail 1 seg-restore -I full r.db "$p"
err_like "^seg-restore: r.db: SQLite's check: .*row 3 missing from index i" \
	"an index that lacks a row"
absent r.db
must_fail 1 sh -c 'seg-restore -I full - "$1" >piped' sh "$p"
empty piped "nor to stdout"
sqlite3 coll.db 'CREATE TABLE t(x COLLATE uint); CREATE INDEX i ON t(x);
	INSERT INTO t VALUES(1)'
sqlite3 func.db "CREATE TABLE t(x); CREATE INDEX i ON t(sha3(x));
	INSERT INTO t VALUES('a')"
for name in coll func; do
	p=$(seg-cut -d w4 $name $name.db | sed -n '1s/\t.*//p')
	must_fail 2 seg-restore -I full r.db "$p"
	err_like "r.db: SQLite's check cannot be run here: .*(uint|sha3)" \
		"$name: it says which"
	absent r.db
	ok "$name: without the check" seg-restore r.db "$p"
	same r.db $name.db "restored"
	rm r.db
done
done_testing
