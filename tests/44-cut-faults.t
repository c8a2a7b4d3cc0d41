#!/bin/sh
# A cut that is interrupted at a chosen point, by others or by the machine; and
# the order in which it makes things durable.

. "$(dirname "$0")/lib.sh"

log_sql() {
	sqlite3 -cmd '.filectrl persist_wal 1' \
		-cmd '.dbconfig no_ckpt_on_close on' db "$1" >/dev/null
}
# restored WHAT DB: the cuts in work give what DB is
restored() {
	set -- "$1" "$2" work/shop/*.seg
	what=$1 db=$2
	shift 2
	ok "$what: restore" seg-restore -qF then.db "$@"
	image "$db" wanted.db
	same then.db wanted.db "$what: as SQLite has it"
}
fresh() {
	rm -rf work db*
	make_db db 200
	ok "a cut" seg-cut -d work shop db
	log_sql "UPDATE t SET v = 'x' WHERE id = 7"
	ok "another" seg-cut -d work shop db
}

# ---- a disk that cannot be read: 3, whichever read it is ----

# failing_reads FILE: a cut, in which the first, second, ... read of FILE fails;
# $n were needed until none did
failing_reads() {
	bad='' n=0 status=3
	while [ $status != 0 ] && [ $n -lt 50 ]; do
		n=$((n + 1))
		rm -rf w
		[ ! -d "${2:-}" ] || cp -r "$2" w
		run fs FS_FAIL="pread@$1#$n=EIO" seg-cut -d w shop db
		case $status:$(sed '1s/^seg-cut: db\(-wal\)\{0,1\}: \(disk I\/O\|Input\/output\) error$/said/' err) in
		3:said | 0:) ;;
		*) bad="$bad $n($status $(cat err))" ;;
		esac
	done
	is "$bad" "" "reads of $1: each of $((n - 1)) that fails is 3, once"
}
make_db db 200 4096 delete
failing_reads /db
[ $n -gt 5 ]
is $? 0 "it was read"
rm db
make_db db 200
seg-cut -d old shop db >/dev/null
sqlite3 -cmd '.filectrl persist_wal 1' -cmd '.dbconfig no_ckpt_on_close on' db \
	"UPDATE t SET v = 'y' WHERE id < 4" >/dev/null
failing_reads /db-wal old
[ $n -gt 2 ]
is $? 0 "the log was read"
rm -rf old w

# A log that is damaged where it was committed, and a program that has it open
fresh
: >open
{
	echo "UPDATE t SET v = 'y' WHERE id < 60; SELECT 'ready';"
	while [ -e open ]; do sleep 0.02; done
} | sqlite3 -cmd '.filectrl persist_wal 1' -cmd '.dbconfig no_ckpt_on_close on' \
	db >ready &
ok "it has written" await grep -q ready ready
printf x | dd of=db-wal bs=1 seek=$(($(size db-wal) - 5000)) conv=notrunc 2>err
must_fail 1 seg-cut -d work shop db
err_like '^seg-cut: db: its write-ahead log is damaged at frame [0-9]+$' "is not cut as far as it is good"
rm open
wait

# ---- others write while it reads ----

# All of the log is in the file, and a program that has it open knows: so others
# may write it anew from its beginning while it is read, here at the moment when
# the segment is begun.
for what in 'UPDATE t SET v = hex(randomblob(100))' \
	'DELETE FROM t WHERE id > 90; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)'; do
	fresh
	: >open
	: >ready
	{
		echo "UPDATE t SET v = 'y' WHERE id < 60;
			PRAGMA wal_checkpoint(PASSIVE);"
		while [ -e open ]; do sleep 0.02; done
	} | sqlite3 -cmd '.dbconfig no_ckpt_on_close on' db >ready &
	await grep -q '|' ready
	ok "a cut, and meanwhile: $what" \
		fs "FS_RUN=open@.segtmp-18=sqlite3 -cmd '.timeout 5000' db \"$what\"" \
		seg-cut -v -d work shop db
	is "$(grep -c 'reading' err)" 2 "it begins anew"
	rm open
	wait
	restored "$what" db
done

# Its log is not to be seen, and a transaction that spilled is still open in it
if [ "$(id -u)" = 0 ]; then
	fresh
	# (An index is written again and again: SQLite leaves the checksums of
	# what follows undone until the commit.)
	log_sql "DROP INDEX t_v"
	cp db wanted && cp db-wal wanted-wal
	{
		echo 'PRAGMA cache_size = 1; BEGIN; UPDATE t SET v = 1;'
		echo '.shell cp db open.db && cp db-wal open.db-wal'
		echo 'ROLLBACK;'
	} | sqlite3 -cmd '.dbconfig no_ckpt_on_close on' db >/dev/null
	is "$(($(size open.db-wal) > $(size wanted-wal)))" 1 "it has spilled"
	: >open.db-shm
	chmod 644 open.db*
	mkdir nobodys
	chown 65534 nobodys
	ok "a -shm that cannot be written" \
		as_nobody seg-cut -d nobodys shop open.db
	ok "restore" seg-restore -qF then.db nobodys/shop/*.seg
	image wanted wanted.db
	same then.db wanted.db "what is not committed is not in it"

	# Nor does anything say where its log ends: what is committed while it is
	# read is in the cut, whose TIME is then not older.  (Ours is the clock.)
	cp "$SEGTOOLS_BUILD/preload/clock.so" "$SEGTOOLS_BUILD/preload/fs.so" \
		nobody
	seen='' older=''
	for n in 5 6 7 8 9 10; do
		rm -rf db* nobodys/* ask
		mkdir -m 777 ask
		make_db db 50
		log_sql "UPDATE t SET v = 'x' WHERE id = 1"
		: >db-shm
		chmod 644 db*
		echo 0 1 >clock
		{
			await test -e ask/go
			log_sql "UPDATE t SET v = 'late' WHERE id = 2"
			echo 5000 1 >clock
			: >ask/done
		} &
		began=$(date +%s)
		run as_nobody env CLOCK_FILE=clock \
			"LD_PRELOAD=$T/nobody/fs.so:$T/nobody/clock.so" \
			"ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0" \
			FS_RUN="pread@db-wal#$n=touch ask/go; until [ -e ask/done ]; do sleep 0.05; done" \
			seg-cut -d nobodys shop db
		: >ask/go
		wait
		time=$(cut -f 4 out | head -n 1)
		ok "a commit in the log's read $n" seg-restore -qF then.db nobodys/shop/*.seg
		[ "$(sql then.db "SELECT v FROM t WHERE id = 2")" = late ] || continue
		seen="$seen $n"
		[ $(($(date -d "$time" +%s) - began)) -ge 5000 ] || older="$older $n"
	done
	[ -n "$seen" ]
	is $? 0 "it is in some of the cuts: $seen"
	is "$older" "" "none of which is older than it"
fi

# A shrink and growth in one log, of which some pages never were in it
fresh
log_sql "DELETE FROM t WHERE id > 10; VACUUM"
log_sql "BEGIN; CREATE TABLE u(x); INSERT INTO u VALUES(zeroblob(900000));
	DROP TABLE u; CREATE TABLE w(x); INSERT INTO w VALUES(zeroblob(5000));
	COMMIT"
ok "a shrink and growth between two cuts" seg-cut -d work shop db
restored "shrink and growth" db

# ---- what is durable when ----

fresh
log_sql "UPDATE t SET v = 'y' WHERE id = 7"
ok "a cut that is watched" fs FS_LOG=log seg-cut -d work shop db
key=$(head -n 1 out | cut -f 1 | sed 's/\.seg$//')
# first PATTERN: the line of the log where it is first done
first() {
	grep -n -m 1 -E -e "$1" log | cut -d : -f 1
}
before() { # A B DESC
	a=$(first "$1") b=$(first "$2")
	[ -n "$a" ] && [ -n "$b" ] && [ "$a" -lt "$b" ]
	is $? 0 "$3" || note "$1 ($a), $2 ($b)" "$(cat log)" >&2
}
next='cut\.next'
before "^fsync .*$next" "^rename[^ ]* .*$next" "the next memory is synced, then named"
before "^rename[^ ]* .*$next" "^rename[^ ]* .*${key##*/}\.idx" "before the segment has its name"
before "^fsync .*${key##*/}\.seg" "^rename[^ ]* .*${key##*/}\.seg" "the segment is synced, then named"
before "^rename[^ ]* .*${key##*/}\.seg" "^rename[^ ]* .*${key##*/}\.idx" "data before index"
before "^rename[^ ]* .*${key##*/}\.idx" "^write .*cut\.memory" "before the memory changes"
before "^write .*cut\.memory" "^fdatasync .*cut\.memory" "the memory is written, then synced"
before "^fdatasync .*cut\.memory" "^unlink .*$next" "before what it was made of goes"
before "^rename[^ ]* .*$next" "^fsync .*work/shop$" "the next memory's name is durable"
is "$(sed -n 's/^f\(data\)*sync //p' log |
	sed -e 's,.*/\.segtmp-,,' -e 's,.*/,,' -e 's/^[0-9-]*\.//' | tr '\n' ' ')" \
	"idx seg cut.next shop shop cut.memory " "and no sync more than that"

# That the next memory went need not be durable: a power loss brings it back,
# with the segment here or moved away.
for move in : 'rm -f work/shop/*.seg work/shop/*.idx'; do
	fresh
	log_sql "UPDATE t SET v = 'p' WHERE id = 9"
	ok "a cut" fs "FS_RUN=unlink@cut.next=cp work/shop/cut.next kept" \
		seg-cut -d work shop db
	mkdir -p all && rm -f all/* && cp work/shop/*.seg all
	cp kept work/shop/cut.next
	$move
	log_sql "UPDATE t SET v = 'q' WHERE id = 11"
	ok "after a power loss" seg-cut -d work shop db
	is "$(($(head -n 1 out | cut -f 5) < 10))" 1 "a small cut"
	cp all/*.seg work/shop
	restored "a power loss" db
done

# Killed before its memory was in place, and then moved away to where nobody here
# can look: its numbers are not given again.
fresh
log_sql "UPDATE t SET v = 'p' WHERE id = 9"
run fs "FS_RUN=write@cut.memory=kill -9 \$PPID" seg-cut -d work shop db
is "$status" 137 "a cut is killed"
ok "which it made" seg-verify work/shop/*.seg
end=$(set_of out | tail -n 1 | cut -f 3)
rm -f work/shop/*.seg work/shop/*.idx
ok "it is neither here nor in a store" seg-cut -v -d work shop db
err_like "a killed run's cut is neither here nor in the store" "said"
is "$(sed -n 1p out | cut -f 2)" 1 "a full cut"
is "$(sed -n 1p out | awk '{ print $3 - $5 }')" "$end" "behind it"

# ---- killed before each of its steps ----

steps=$(wc -l <log)
n=0
while [ $n -lt "$steps" ]; do
	n=$((n + 1))
	log_sql "UPDATE t SET v = 'k$n' WHERE id = $n"
	run fs FS_KILL=$n seg-cut -d work shop db
	[ "$status" = 137 ] || note "step $n of $steps: status $status" >&2
done
ok "after a kill before each of $steps steps" seg-cut -d work shop db
restored "kills" db
no_leftovers work
absent work/shop/cut.next

# ---- ended before each of its steps ----

# A signal that comes while the names are given waits: what was cut goes on.
n=0
full=0
while [ $n -lt "$steps" ]; do
	n=$((n + 1))
	log_sql "UPDATE t SET v = 't$n' WHERE id = $n"
	run fs "FS_RUN=any#$n=kill -TERM \$PPID" seg-cut -d work shop db
	[ "$status" = 143 ] || note "step $n of $steps: status $status" >&2
	run seg-cut -d work shop db
	[ "$status$(cat err)" = 0 ] || note "step $n of $steps: $(cat err)" >&2
	full=$((full + $(cut -f 2 out | grep -cx 1)))
done
is "$full" 0 "SIGTERM before each of $steps steps costs no full cut"
restored "ends" db
no_leftovers work

# ---- a disk that fails ----

log_sql "UPDATE t SET v = 'z' WHERE id = 7"
for rule in write@cut.next=ENOSPC fsync@.seg=EIO rename@.seg=EIO rename@.idx=EIO \
	fsync@cut.next=EIO rename@cut.next=EIO open@cut.next=EMFILE; do
	rules="$rule $(echo "$rule" | sed 's/^rename@/renameat2@/')"
	must_fail 3 fs "FS_FAIL=$rules" seg-cut -d work shop db
	is "$(cat out)" "!" "$rule: a failed set"
	is "$(wc -l <err)" 1 "$rule: said once"
done
for rule in write@cut.memory=ENOSPC fdatasync@cut.memory=EIO; do
	log_sql "UPDATE t SET v = '$rule' WHERE id = 8"
	must_fail 3 fs "FS_FAIL=$rule" seg-cut -d work shop db
	is "$(cat out)" "!" "$rule: a failed set"
done
ok "the next run makes it good" seg-cut -d work shop db
restored "failures" db

# The directory cannot be synced when the segment has its names: they go again.
for n in 1 2; do
	log_sql "UPDATE t SET v = 'sync $n' WHERE id = 9"
	run fs "FS_FAIL=fsync@work/shop\$#$n=EIO" seg-cut -d work shop db
	is "$status$(cat out)" "3!" "sync $n of the directory fails"
	is "$(for f in work/shop/*.idx; do [ -e "${f%idx}seg" ] || echo "$f"; done)" \
		"" "no index without its data"
done
# What is written in part is written on, what is interrupted done again.
log_sql "UPDATE t SET v = 'again' WHERE id = 9"
ok "parts and interruptions" fs "FS_FAIL=write@cut.memory=SHORT \
	fdatasync#1=EINTR fsync@work/shop\$#1=EINTR open@cut.memory#1=EINTR" \
	seg-cut -d work shop db
empty err "are nothing to tell"
restored "parts" db

done_testing
