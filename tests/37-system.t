#!/bin/sh
# A full disk, and directories that may not be written: each command that writes
# says which file and why, with the right status, and leaves nothing half-made.
. "$(dirname "$0")/lib.sh"

make_db shop.db 3000 4096 delete
mkdir store
ok "a cut" seg-cut -d work shop shop.db
cp out cuts
ok "uploaded" seg-upload -s store <cuts
ok "listed" seg-list -s store shop
cp out listing
seg-pack <cuts >cuts.tar

# whole STORE-OR-DIR: no data or index without the other, no temporary file
whole() {
	find "$1" -name '.segtmp-*' -o -type f -size 0 ! -name 'cut.*' |
		grep . && return 1
	find "$1" -name '*.seg' | sed 's/seg$/idx/' >pairs
	find "$1" -path '*/indexes/*' -type f | sed 's/indexes/segments/' >>pairs
	while read -r f; do
		[ -f "$f" ] || return 1
	done <pairs
}

# --- the data gets no name: nor does its index
seg=$(cut -f 1 cuts | head -n 1)
ok "a second cut" sh -c "sqlite3 shop.db 'UPDATE t SET v = 1 WHERE id = 7' &&
	seg-cut -d work shop shop.db >cuts2"
must_fail 3 fs FS_FAIL='rename@.seg$=EIO renameat2@.seg$=EIO' seg-merge -d m1 "$seg" \
	"$(cut -f 1 cuts2 | head -n 1)"
err_like '\.seg: Input/output error$' "said"
is "$(find m1 -name '*.*' ! -name '.*')" "" "nothing has a name"

# --- a limit on the size of files, which a disk that is full is like
must_fail 3 sh -c 'ulimit -f 100; seg-cut -d w1 shop shop.db'
err_like '^seg-cut: w1/.*: File too large$' "seg-cut names it"
is "$(tail -n 1 out)" '!' "the set failed"
ok "nothing is half-made" whole w1
ok "the next run succeeds" seg-cut -d w1 shop shop.db
must_fail 3 sh -c 'ulimit -f 100; seg-fetch -s store -d w2 <listing'
err_like '^seg-fetch: w2/.*: File too large$' "seg-fetch names it"
ok "the next run succeeds" seg-fetch -s store -d w2 <listing
ok "nothing is half-made" whole w2
must_fail 3 sh -c 'ulimit -f 100; seg-upload --create -s s2 <cuts'
err_like '^seg-upload: .*: File too large$' "seg-upload names it"
ok "nothing is half-made" whole s2
ok "the next run succeeds" seg-upload -s s2 <cuts
must_fail 3 sh -c 'ulimit -f 100; seg-unpack -d w4 <cuts.tar'
err_like '^seg-unpack: w4/.*: File too large$' "seg-unpack names it"
is "$(tail -n 1 out)" '!' "the set failed"
ok "nothing is half-made" whole w4
ok "the next run succeeds" seg-unpack -d w4 <cuts.tar
must_fail 3 sh -c 'ulimit -f 100; seg-fetch -l -s store -d w3 <listing'
ok "nothing is half-made" whole w3

# --- few open files: fewer transfers at a time, sources and plans asked ahead
i=0
while [ $i -lt 40 ]; do
	i=$((i + 1))
	mkseg many m $i $i $i 40 $i 1 1 >>made || exit 1
done
{
	cut -f 1 made
	echo
} >paths
seg-merge -d one <paths >merged || exit 1
seg-pack <paths >many.tar || exit 1
seg-plan -e <listing >plan || exit 1
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
	cat plan
done >plans
cat plan plan >twice
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
	printf 'q%s\tshop.db\n' $i
done >list
open_files() { # COMMAND...: which files it has on stdin is in $in
	ok "$limit open files: $*" \
		sh -c "exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&- # whose ever
			ulimit -n $limit; exec \"\$@\" <$in" sh "$@"
}
try_all() {
	rm -rf few few2 lazy fetched merge made.db* made2.db* box q kept
	mkdir few few2
	in=paths open_files seg-upload -s few
	ok "listed" seg-list -s few m
	cp out names
	in=names open_files seg-verify -s few
	in=names open_files seg-verify --restore -s few
	in=names open_files seg-fetch -l -s few -d lazy
	ok "the one merge" diff -r one/m lazy/m
	in=names open_files seg-fetch -s few -d fetched
	ok "all of them" diff -r many/m fetched/m
	in=paths open_files seg-merge -d merge
	ok "the same merge" diff -r one/m merge/m
	in=paths open_files seg-restore made.db
	in=paths open_files seg-restore -u made2.db
	same made.db made2.db "the same database"
	in=paths open_files seg-pack
	same out many.tar "the same stream"
	in=many.tar open_files seg-unpack -d box
	ok "all of them" diff -r many/m box/m
	in=plans open_files seg-query -s store 'SELECT count(*) FROM t'
	is "$(sort -u out)" 3000 "all of them answered"
	is "$(wc -l <out)" 12 "each"
	in=twice open_files seg-diff -s store --summary
	in=/dev/null open_files seg-cut -d q --list list
	seg-upload -m -s few2 <out >/dev/null
	# shellcheck disable=SC2046
	seg-list -s few2 $(cut -f 1 list) | seg-plan >fleet
	for i in 1 2; do
		in=fleet open_files seg-query -s few2 --cache-dir kept \
			'SELECT count(*) FROM t'
		is "$(wc -l <out)" 16 "answered, and what was read kept"
	done
	in=names open_files seg-rm -F -s few
}
# (Only who may do so can allow for many.)
limits="16 24 32 64 1000000"
# shellcheck disable=SC3045 # dash has it
(ulimit -n 1000000) 2>/dev/null || limits="16 24 32 64"
for limit in $limits; do
	try_all
done

# --- a disk that is full
if [ "$(id -u)" = 0 ] && mkdir full &&
	mount -t tmpfs -o size=512k none full 2>/dev/null; then
	must_fail 3 seg-cut -d full shop shop.db
	err_like '^seg-cut: full/.*: No space left on device$' "seg-cut"
	ok "nothing is half-made" whole full
	rm -rf full/*
	must_fail 3 seg-fetch -s store -d full <listing
	err_like '^seg-fetch: full/.*: No space left on device$' "seg-fetch"
	rm -rf full/*
	must_fail 3 seg-unpack -d full <cuts.tar
	err_like '^seg-unpack: full/.*: No space left on device$' "seg-unpack"
	ok "nothing is half-made" whole full
	rm -rf full/*
	mkdir full/s
	must_fail 3 seg-upload -s full/s <cuts
	err_like '^seg-upload: .*: No space left on device$' "seg-upload"
	ok "nothing is half-made" whole full
	umount full
fi

# --- directories that may not be written, as one who is not root
if [ "$(id -u)" = 0 ]; then
	mkdir locked
	chmod 555 locked
	for c in "seg-cut -d locked/w shop shop.db" "seg-cut -d locked shop shop.db" \
		"seg-fetch -s store -d locked" "seg-upload -s locked" \
		"seg-unpack -d locked" "seg-unpack -d locked/w" \
		"seg-upload --create -s locked/s"; do
		case $c in
		seg-fetch*) in=listing ;;
		seg-unpack*) in=cuts.tar ;;
		*) in=cuts ;;
		esac
		# shellcheck disable=SC2086
		must_fail 2 as_nobody $c <$in
		err_like "^${c%% *}: .*locked.*: Permission denied" "it is named"
	done
	must_fail 2 as_nobody seg-rm -F -s store <listing
	err_like '^seg-rm: .*: Permission denied' "it is named"
	ok "nothing has gone" seg-verify -s store <listing
	chmod 000 "$(find store -path '*/segments/*' -type f)"
	must_fail 2 as_nobody seg-fetch -s store -d /nowhere/at/all <listing
fi
must_fail 2 seg-cut -d no/such/parent shop shop.db
must_fail 2 seg-fetch -s store -d no/such/parent <listing
err_like 'parent directory does not exist' "said"
done_testing
