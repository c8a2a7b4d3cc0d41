#!/bin/sh
# File systems that cannot do what is a means only: modes, locks, links, shared
# mappings, room made beforehand, clones, fsync of directories, files without a
# name.  The commands do without.
. "$(dirname "$0")/lib.sh"

make_db a.db 200 4096 delete
ok "a full cut" seg-cut -d small shop a.db
sqlite3 a.db "UPDATE t SET v = 'x' WHERE id < 100"
ok "and another" seg-cut -d small shop a.db

# An index that is large enough to be mapped: that of sparse small pages.
sqlite3 b.db >/dev/null <<'SQL'
PRAGMA page_size = 512;
PRAGMA journal_mode = off;
CREATE TABLE t(id INTEGER PRIMARY KEY, v);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
	WHERE i < 130000) INSERT INTO t SELECT i, zeroblob(400) FROM n;
SQL
ok "a full cut" seg-cut -d large shop b.db
sqlite3 b.db "PRAGMA journal_mode = off;
	UPDATE t SET v = randomblob(400) WHERE abs(random() % 2) = 0" >/dev/null
ok "and another" seg-cut -d large shop b.db
is "$(find large -name '*.idx' -size +256k | wc -l)" 1 "with a large index"

# all RULES [DB SEED]: everything there is, on such a file system
all() {
	n=0
	rm -rf w store f l m r.db s.db
	cp -r "${3:-small}" w
	cp "${2:-a.db}" s.db
	sqlite3 s.db "UPDATE t SET v = 'new' WHERE id = 5"
	for c in "seg-cut -d w shop s.db" \
		"seg-upload --create -e -m -s store w/shop/*.seg" \
		"seg-list -s store shop" "seg-fetch -s store -d f <out.3" \
		"seg-fetch -l -s store -d l <out.3" "seg-verify f/shop/*.seg" \
		"seg-merge -d m f/shop/*.seg" "seg-verify -r m/shop/*.seg" \
		"seg-restore r.db m/shop/*.seg" "seg-restore -F r.db l/shop/*.seg" \
		"seg-restore -I quick - m/shop/*.seg | cmp - s.db" \
		"seg-rm -F -s store <out.3"; do
		n=$((n + 1))
		ok "$1: $c" fs FS_FAIL="$1" sh -c "$c"
		cp out "out.$n"
	done
	same r.db s.db "$1: the database"
	is "$(find store -type f ! -path '*/claims/*')" "" "$1: all has gone"
	no_leftovers .
}

for rule in 'fchmod=EPERM' 'flock=ENOLCK' 'flock=EOPNOTSUPP' \
	'renameat2=EINVAL link=EPERM linkat=EPERM' 'tmpfile=EOPNOTSUPP' \
	'fallocate=EOPNOTSUPP ioctl=EOPNOTSUPP copy_file_range=EXDEV'; do
	all "$rule"
done
all 'mmap@.idx=ENODEV' b.db large

# A catalogue there has a journal, one with a log gets it.
rm -rf w store
seg-cut -d w one a.db | seg-upload --create -s store >/dev/null
ok "a catalogue in WAL mode" seg-sync -s store -k wal.db --add one
must_fail 3 fs FS_FAIL='mmap=ENODEV' seg-list -k wal.db one
err_like '^seg-list: wal.db: in WAL mode, and its -shm cannot be mapped$' "said"
for c in new.db wal.db; do
	ok "$c: sync" fs FS_FAIL='mmap=ENODEV' \
		seg-sync -s store -k $c --add ${c%.db} --add one
	ok "$c: cut" seg-cut -d w ${c%.db} a.db
	cp out cuts
	ok "$c: upload" fs FS_FAIL='mmap=ENODEV' seg-upload -s store -k $c <cuts
	ok "$c: list" fs FS_FAIL='mmap=ENODEV' seg-list -k $c
	cp out known
	is "$(cut -d / -f 1 known | tr '\n' ' ' | grep -c "${c%.db}")" 1 "$c: knows all"
	ok "$c: elsewhere" seg-list -k $c
	same out known "$c: the same"
	ok "$c: remove" fs FS_FAIL='mmap=ENODEV' sh -c \
		"seg-list -s store ${c%.db} | seg-rm -F -s store -k $c"
	is "$(sql $c 'PRAGMA journal_mode; SELECT count(*) FROM segments')" \
		"delete
1" "$c: with a journal"
done

# Where there are no locks a file says who is at work.
cp a.db s.db
rm -rf w
ok "a cut while another begins" \
	fs FS_FAIL='flock=ENOLCK' FS_RUN="open@.segtmp-18=
	LD_PRELOAD=$SEGTOOLS_BUILD/preload/fs.so FS_FAIL=flock=ENOLCK \\
		seg-cut --busy-timeout 50 -d w shop s.db >second 2>second.err
	echo \$? >second.status" seg-cut -d w shop s.db
is "$(cat second.status second)" "3
!" "which fails"
like second.err "^seg-cut: w/shop/cut.lock-[0-9a-f-]{36}: another seg-cut is at work: $(uname -n) \(process [0-9]+\); remove it if" \
	"and says who has it, and where"
is "$(find w -name 'cut.lock*')" "" "none is left"
sqlite3 s.db "UPDATE t SET v = 'other' WHERE id = 6"
fs FS_FAIL='flock=ENOLCK' FS_RUN='open@.segtmp-18=kill -9 $PPID' \
	seg-cut -d w shop s.db >/dev/null 2>&1
is "$(find w -name 'cut.lock*' | grep -c .)" 1 "a killed one leaves its own"
ok "which the next removes" fs FS_FAIL='flock=ENOLCK' seg-cut -d w shop s.db
is "$(grep -c . out) $(find w -name 'cut.lock*')" "1 " "and cuts"
ok "-n, while nobody is at work" fs FS_FAIL='flock=ENOLCK' seg-cut -n -d w shop s.db
printf 'host elsewhere\nboot b\npids p\npid 7\nstarted 1\n' >w/shop/cut.lock-x
must_fail 3 fs FS_FAIL='flock=ENOSYS' seg-cut -n --busy-timeout 0 -d w shop s.db
err_like "w/shop/cut.lock-x: another seg-cut is at work: elsewhere \(process 7\)" "-n, while another machine is"
: >w/shop/cut.lock-x
must_fail 3 fs FS_FAIL='flock=EOPNOTSUPP' seg-cut --busy-timeout 0 -d w shop s.db
err_like "w/shop/cut.lock-x: another seg-cut is at work: somebody" "one that says nothing"
chmod 600 a.db
ok "a private database" fs FS_FAIL='fchmod=EPERM' seg-cut -d private shop a.db
is "$(find private -type f -perm /077)" "" "gets private segments without it"
done_testing
