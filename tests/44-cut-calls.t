#!/bin/sh
# Cuts where a system call fails, a file changes under the command, or what lies
# in DIR has been damaged: each is said with its reason, and the next cut is
# right.
. "$(dirname "$0")/lib.sh"

# log_sql STATEMENTS: its log stays behind
log_sql() {
	sqlite3 -cmd '.filectrl persist_wal 1' \
		-cmd '.dbconfig no_ckpt_on_close on' db "$1" >/dev/null
}
# fresh [ROWS]: a database with a log, two cuts of it, and a change
fresh() {
	rm -rf work store db*
	make_db db "${1:-200}" 512
	seg-cut -qd work shop db >cuts
	log_sql "UPDATE t SET v = 'x' WHERE id = 7"
	seg-cut -qd work shop db >>cuts
	log_sql "UPDATE t SET v = 'y' WHERE id < 4"
}
# restore_newest: what the cuts in work give; the newest comes first
restore_newest() {
	for seg in work/shop/*.seg; do
		echo "$seg"
		case ${seg#*/*/*-} in 00000000000000000001-*) break ;; esac
	done >chain
	seg-restore -eqF then.db <chain
}
# right DESC: a cut, and what the cuts in work give is what DB is
right() {
	ok "$1: a cut" seg-cut -d work shop db
	restore_newest
	image db wanted.db
	same then.db wanted.db "$1: as SQLite has it"
	absent work/shop/cut.next
}
# says STATUS LINE DESC CMD...: it fails and says just that
says() {
	says_line=$2 says_desc=$3
	says_status=$1
	shift 3
	must_fail "$says_status" "$@"
	is "$(cat err)" "seg-cut: $says_line" "$says_desc"
}
cat >do-cut <<'END'
#!/bin/sh
exec seg-cut -d work shop db "$@"
END
chmod +x do-cut

# ---- the work directory ----

fresh
says 3 "work/shop/cut.memory: Input/output error" "no lock is to be had" \
	fs FS_FAIL=flock@cut.memory=EIO ./do-cut
says 3 "work/shop/cut.memory: another seg-cut is at work" "another has it" \
	fs FS_FAIL=flock@cut.memory=EAGAIN ./do-cut --busy-timeout 50
ok "it is waited for" fs FS_FAIL=flock@cut.memory#1=EAGAIN ./do-cut --busy-timeout 600000
log_sql "UPDATE t SET v = 'w' WHERE id = 9"
says 3 "work/shop: Input/output error" "the directory cannot be read" \
	fs FS_FAIL=readdir@work/shop=EIO ./do-cut
for rule in open@cut.lock opendir@work/shop readdir@work/shop; do
	must_fail 3 fs "FS_FAIL=flock=ENOLCK $rule=EIO" ./do-cut
	err_like "^seg-cut: work/shop(/cut.lock-[-0-9a-f]*)?: Input/output error$" \
		"without locks: $rule"
done
# Of a dead process, so that a look removes it.  What killed runs left is looked
# for before; then the others go behind the first entry, read but not yet met.
run fs FS_FAIL=flock=ENOLCK FS_RUN='write@cut.next=kill -9 $PPID' ./do-cut
cp work/shop/cut.lock-* dead
for n in 1 2 3 4 5; do
	cp dead work/shop/cut.lock-$n
done
rm work/shop/cut.lock-*-*
n=$(($(find work/shop | wc -l) + 5))
ok "locks that go while they are looked at" \
	fs FS_FAIL=flock=ENOLCK FS_RUN="readdir@work/shop#$n=rm -f work/shop/cut.lock-[1-5]" \
	./do-cut -v --busy-timeout 0
is "$(($(grep -c 'of a process that is dead, removed$' err) < 2))" 1 \
	"the look removes one, at most"
absent work/shop/cut.lock-*
touch "work/shop/$(basename "$(head -n 1 cuts | cut -f 1)" .seg).not"
right "other files in DIR"
fresh
mv work/shop/cut.memory m
ln -s ../../m work/shop/cut.memory
says 2 "work/shop/cut.memory: Too many levels of symbolic links" "a link" \
	./do-cut -n
rm work/shop/cut.memory
right "no memory"
fresh
says 1 "$(find work/shop -name '*.seg' | wc -l | grep -c 2 |
	sed 's,1,KEY: it has gone,')" "a cut that goes before it is told" \
	fs FS_RUN='unlink@cut.next=rm work/shop/*.seg work/shop/*.idx' sh -c \
	"./do-cut 2>&1 >/dev/null | sed 's,work/shop/[-0-9]*.seg,KEY,' >&2; exit 1"

fresh
mkdir store
ok "the store has all" seg-upload -s store work/shop/*.seg
log_sql "UPDATE t SET v = 'z' WHERE id < 4"
ok "one that another run told of, and whose reader moved it" \
	fs "FS_RUN=unlink@cut.next=seg-upload -m -s store work/shop/*.seg >up" \
	seg-cut -v -s store -d work shop db
err_like 'work/shop/[-0-9]*.seg: moved into the store meanwhile$' "is done"
is "$(cat out)" "" "and told no more"
log_sql "UPDATE t SET v = 'w' WHERE id < 4"
must_fail 1 fs "FS_RUN=unlink@cut.next=rm -r work/shop" \
	seg-cut -s store -d work shop db
err_like ': it has gone$' "one that the store does not have is not"

# An empty database, and what was known of it is not to be read.
rm -rf work e.db
: >e.db
mkdir -p work/shop
says 3 "work/shop: Input/output error" "an empty one" \
	fs FS_FAIL=opendir@work/shop=EIO seg-cut -d work shop e.db

# ---- the database's name ----

# It goes, or is given to another file, in each of the steps that open it: that
# is said, whatever SQLite makes of it.
named() { # named OP N DOES STATUS LINE
	make_db db 20 512 "$mode"
	cp db other
	says "$4" "$5" "$mode: $1 $2: that is said" fs "FS_RUN=$1@/db\$#$2=$3" ./do-cut
	rm -rf db db-* gone other work
}
gone="db: No such file or directory"
replaced="db: was replaced while it was opened"
rm -rf db db-* work
for mode in wal delete; do
	for n in 1 2; do
		named fstat $n "mv db gone" 1 "$gone"
		named fstat $n "mv other db" 3 "$replaced"
		named pread $n "mv db gone" 1 "$gone"
		named pread $n "mv other db" 3 "$replaced"
	done
done

# ---- what a killed run left ----

# left: a cut that was killed when all was done, but for its next memory
left() {
	fresh
	fs FS_RUN='unlink@cut.next=cp work/shop/cut.next kept' ./do-cut >cut3
	cp kept work/shop/cut.next
}
left
ok "-n" seg-cut -n -d work shop db
err_like "^seg-cut: shop: a killed run will be finished or undone first" "said"
is "$(set_of out)" "" "nothing more is cut"
left
log_sql "UPDATE t SET v = 'z' WHERE id = 11"
rm work/shop/cut.memory
cp kept work/shop/cut.memory
ok "-n, of more" seg-cut -n -d work shop db
for rule in pread@cut.next pread@cut.next#2 unlink@cut.next; do
	left
	says 3 "work/shop/cut.next: Input/output error" "$rule" \
		fs "FS_FAIL=$rule=EIO" ./do-cut
	right "after $rule"
done
left
says 1 "work/shop/cut.next: No such file or directory" "it goes" \
	fs "FS_RUN=fstat@cut.next=rm work/shop/cut.next" ./do-cut
right "after it went"
left
says 1 "work/shop/cut.next: damaged" "it changes" fs "FS_RUN=fstat@cut.next#3=
	printf X | dd of=work/shop/cut.next conv=notrunc 2>/dev/null" ./do-cut
rm work/shop/cut.next
right "without it"
left
printf X | dd of=work/shop/cut.next bs=1 seek=5000 conv=notrunc 2>/dev/null
says 1 "work/shop/cut.next: damaged" "a block of it" ./do-cut
rm work/shop/cut.next
right "without that"

# Its segment is not here any more: the store says whether it was published.
left
mkdir store
cat cuts cut3 | grep seg >all
seg-upload -qems store <all >/dev/null
ok "its segment is in the store" ./do-cut -s store -v
is "$(grep -c 'neither here' err)" 0 "that is known"
left
rm -f "$(cut -f 1 <cut3 | head -n 1)" "$(sed -n '1s/seg\t.*/idx/p' cut3)"
mkdir -p store/v2/clusters/default/namespaces/shop/indexes
must_fail 3 fs FS_FAIL=opendir@/indexes=EIO ./do-cut -s store
err_like "store/.*: Input/output error" "a store that cannot be asked"

# killed: a cut that was killed when it had its names, and is in the store alone
killed() {
	fresh
	run fs "FS_RUN=write@cut.memory=kill -9 \$PPID" ./do-cut
	is "$status" 137 "a cut is killed"
	mkdir store
	for seg in work/shop/*.seg; do echo "$seg"; done >all
	seg-upload -emqs store <all >/dev/null
	log_sql "UPDATE t SET v = 'z' WHERE id = 11"
}
killed
must_fail 3 fs FS_FAIL=opendir@/indexes=EIO ./do-cut -s store
err_like "store/.*: Input/output error" "the store cannot be asked for it"
is "$(ls work/shop)" "cut.memory
cut.next" "nothing is done"
ok "a killed cut that the store has" ./do-cut -v -s store
is "$(grep -c 'neither here' err)" 0 "is known"
is "$(cut -f 2 out | head -n 1)" "$(($(seg-list -s store shop | sed -n "\$!h; \${x;p}" | cut -f 3) + 1))" \
	"the next one follows it"
ok "all of them" sh -c 'seg-list -s store shop | seg-fetch -s store -d work >all'
restore_newest
image db wanted.db
same then.db wanted.db "are what SQLite has"

# ---- the memory in the making ----

fresh 1500
log_sql "UPDATE t SET v = 'w' WHERE id % 40 = 0"
n=0 bad=
while run fs "FS_FAIL=write@cut.next#$((n += 1))=ENOSPC" ./do-cut &&
	[ "$status" = 3 ]; do
	[ "$(cat err)" = "seg-cut: work/shop/cut.next: No space left on device" ] ||
		bad="$bad $n($(cat err))"
done
is "$status$bad" 0 "a full disk at each of $((n - 1)) writes"
is "$((n > 3))" 1 "there are several"
right "a full disk"
sql db "DELETE FROM t WHERE id > 9; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)" >/dev/null
run fs "FS_FAIL=write@cut.next#1=ENOSPC" ./do-cut
is "$status" 3 "a full disk while it shrinks"
right "a database that shrinks"

# A block of an earlier memory: whole in itself, but the pages do not sum up.
fresh 1500
cp work/shop/cut.memory older
log_sql "UPDATE t SET v = 'w' WHERE id % 40 = 0"
seg-cut -qd work shop db >/dev/null
dd if=older of=work/shop/cut.memory bs=4096 skip=1 seek=1 count=1 \
	conv=notrunc 2>/dev/null
sql db "PRAGMA wal_checkpoint(TRUNCATE); VACUUM" >/dev/null
ok "an old block of the memory" seg-cut -v -d work shop db
err_like "a full cut" "is found out"
right "an old block"

# ---- the database ----

# each OP FILE [STATUS]: one of these calls fails, then the next; the statuses
# are 0 and 3, no lie is told
each() {
	n=0 bad='' status=3 failed=0
	while [ $n -lt 14 ]; do
		n=$((n + 1))
		rm -rf work && cp -r old work
		run fs "FS_FAIL=$1@$2#$n=EIO" ./do-cut
		case $status in
		0) ;;
		3)
			failed=$((failed + 1))
			[ "$(grep -c "^seg-cut: db" err)" = 1 ] || bad="$bad $n($(cat err))"
			;;
		*) bad="$bad $n($status $(cat err))" ;;
		esac
	done
	is "$bad" "" "$1 of $2: each of those that matter is 3, said once"
	note "$1 of $2: $failed failed"
}
fresh
cp -r work old
each fstat "/db\$"
each fstat "/db-wal\$"
each stat "db\$"
each pread "/db-wal\$"
rm -rf work && mv old work
right "all that"

# What is left of a log that was begun anew, which one that has it open alone
# lets be.
fresh
mkfifo say
sqlite3 -cmd 'PRAGMA wal_autocheckpoint = 0' db <say >said &
exec 9>say
does() {
	echo "$1; SELECT 'done $((does_n = ${does_n:-0} + 1))';" >&9
	await grep -q "done $does_n" said
}
does "UPDATE t SET v = 'v' WHERE id = 3"
does "UPDATE t SET v = 'v' WHERE id < 90"
does "PRAGMA wal_checkpoint(RESTART)"
does "UPDATE t SET v = 'w' WHERE id = 3"
./do-cut >cuts
does "UPDATE t SET v = 'u' WHERE id = 1"
does "PRAGMA wal_checkpoint(RESTART)"
does "UPDATE t SET v = 't' WHERE id = 2"
cp -r work old
ok "a log that was begun anew" ./do-cut -v
err_like 'reading what the restarted log names' "is told from what is left"
each pread "/db-wal\$"
exec 9>&-
wait
rm -rf work old

# What is in the file does not count where its log has it; but for the size of its
# pages.
fresh
log_sql "PRAGMA user_version = 5"
printf '\0\3' | dd of=db bs=1 seek=16 conv=notrunc 2>/dev/null
says 1 "db: bad page size" "the size of its pages" ./do-cut

# Without a log, a last page that is not whole.
rm -rf work db*
make_db db 20
truncate -s -1 db
says 1 "db: cut short: it has $(size db) bytes" "part of a page" ./do-cut

# It shrinks, its log is cut off, or gets another's contents, while it is read.
for what in "db=truncate -s 4096 db" "db-wal=truncate -s 0 db-wal" \
	"db-wal=truncate -s 5000 db-wal" "db-wal=cat other-wal >db-wal" \
	"db=printf XXXX | dd of=db conv=notrunc 2>/dev/null"; do
	rm -f other*
	make_db other 50 1024
	sqlite3 -cmd '.filectrl persist_wal 1' \
		-cmd '.dbconfig no_ckpt_on_close on' other "DELETE FROM t" >/dev/null
	mv other-wal o && rm -f other* && mv o other-wal
	fresh
	cp -r work old
	cp db kept.db && cp db-wal kept.db-wal
	n=0 bad=''
	while [ $n -lt 8 ]; do
		n=$((n + 1))
		rm -rf work db db-wal db-shm && cp -r old work
		cp kept.db db && cp kept.db-wal db-wal
		for op in pread fstat; do
			run fs "FS_RUN=$op@/${what%%=*}\$#$n=${what#*=}" ./do-cut
			case $status in
			0 | [13]) [ "$status" = 0 ] || grep -q '^seg-cut: db' err ||
				bad="$bad $n($(cat err))" ;;
			*) bad="$bad $op$n($status $(cat err))" ;;
			esac
		done
	done
	is "$bad" "" "meanwhile: $what"
	rm -rf old
done

# As SQLite wrote it before 3.7: its size is not in the header.
rm -rf work db*
make_db db 200 1024 delete
printf '\0\0\0\1' | dd of=db bs=1 seek=92 conv=notrunc 2>/dev/null
ok "an old database" ./do-cut
restore_newest
same then.db db "byte for byte"

# What a log says of the size alone: it shrinks and grows, and no page of it but
# the first is in the log.
cat >sizes.py <<'END'
"""sizes.py DB SIZE...: commits of page 1 with these sizes; -SIZE: as SQLite
before 3.7 has it, which does not say the size itself."""
import struct
import sys

db, sizes = sys.argv[1], [int(n) for n in sys.argv[2:]]


def add(words, s0, s1):
    for a, b in zip(words[::2], words[1::2]):
        s0 = (s0 + a + s1) & 0xffffffff
        s1 = (s1 + b + s0) & 0xffffffff
    return s0, s1


with open(db + "-wal", "rb+") as f:
    wal = f.read()
    order = ">" if wal[3] & 1 else "<"
    page = struct.unpack(">I", wal[8:12])[0]
    step = 24 + page
    frames = (len(wal) - 32) // step
    while wal[32 + (frames - 1) * step + 8:][:8] != wal[16:24]:
        frames -= 1
    last = wal[32 + (frames - 1) * step:][:24]
    s0, s1 = struct.unpack(">II", last[16:24])
    first = [wal[32 + i * step + 24:][:page] for i in range(frames)
             if wal[32 + i * step:][:4] == b"\0\0\0\1"]
    if not first:
        with open(db, "rb") as d:
            first = [d.read(page)]
    f.seek(32 + frames * step)
    for size in sizes:
        head = struct.pack(">II", 1, abs(size))
        body = first[-1]
        if size < 0:
            body = body[:92] + bytes(4) + body[96:]
        for part in (head, body):
            s0, s1 = add(struct.unpack(f"{order}{len(part) // 4}I", part),
                         s0, s1)
        f.write(head + wal[16:24] + struct.pack(">II", s0, s1) + body)
END
fresh
seg-cut -qd work shop db >/dev/null
rm db-shm
pages=$(($(size db) / 512))
python3 sizes.py db $((pages - 20)) $pages
ok "cut off, and there again" seg-cut -v -d work shop db
is "$(grep -c 'reading' err)" 2 "the log does not say what is in them"
restore_newest
image db wanted.db
same then.db wanted.db "they are what the file has"
rm -f db-shm
python3 sizes.py db -$pages
ok "as before 3.7" ./do-cut
rm -f db-shm
python3 sizes.py db -$((pages - 1))
ok "less by a page" ./do-cut
is "$(cut -f 5 out | head -n 1)" 1 "one page tells of it"
restore_newest
is "$(size then.db)" $((512 * (pages - 1))) "there is one less"

# Again and again: each time that a segment is begun its log is restarted.
fresh 20
: >open
: >ready
{
	echo "UPDATE t SET v = 'y'; PRAGMA wal_checkpoint(PASSIVE);"
	while [ -e open ]; do sleep 0.02; done
} | sqlite3 -cmd '.dbconfig no_ckpt_on_close on' db >ready &
await grep -q '|' ready
cat >again <<'END'
PRAGMA wal_checkpoint(PASSIVE);
UPDATE t SET v = hex(randomblob(100));
PRAGMA wal_checkpoint(PASSIVE);
END
for full in "" --full; do
	says 3 "db: its log was restarted again and again" "it gives up ($full)" \
		fs "FS_RUN=any@.segtmp-18=!sqlite3 -cmd '.timeout 5000' db <again >/dev/null" \
		./do-cut ${full:+"$full"}
done
rm open
wait
right "it stands still"

# ---- numbers ----

rm -rf work db*
make_db db 5
mkdir work
mkseg work shop 18446744073709551610 18446744073709551614 1000 5 1 5 >made
for full in "" --full; do
	says 1 "shop: the frame numbers are used up" "no number is left ($full)" \
		./do-cut ${full:+"$full"}
done
done_testing
