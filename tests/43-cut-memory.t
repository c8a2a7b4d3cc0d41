#!/bin/sh
# What a cut remembers: whose it is, which TIME; and -n, which remembers nothing.

. "$(dirname "$0")/lib.sh"

log_sql() {
	sqlite3 -cmd '.filectrl persist_wal 1' \
		-cmd '.dbconfig no_ckpt_on_close on' db "$1" >/dev/null
}
# tree DIR...: every file, with its contents
tree() {
	find "$@" -type f -exec sha256sum {} + | LC_ALL=C sort -k 2
	find "$@" -printf '%p %m %U %s %T@\n' | LC_ALL=C sort
}

# ---- a memory knows its namespace ----

make_db db 50
ok "a cut" seg-cut -d work shop db
log_sql "UPDATE t SET v = 'x' WHERE id = 7"
ok "another" seg-cut -d work shop db
last=$(cut -f 3 out | head -n 1)
mv work/shop work/other
log_sql "UPDATE t SET v = 'y' WHERE id = 7"
ok "moved under another name" seg-cut -v -d work other db
err_like 'of the namespace shop' "the memory is none"
is "$(cut -f 2 out | head -n 1)" 1 "a full cut"
is "$(($(cut -f 3 out | head -n 1) > last))" 1 "numbered after what is there"
log_sql "UPDATE t SET v = 'z' WHERE id = 7"
ok "from then on" seg-cut -d work other db
is "$(cut -f 5 out | head -n 1)" 2 "only what has changed"
# What a killed run left of another name
cp -r work/other work/third
cp work/other/cut.memory work/third/cut.next
ok "a pending memory of another name" seg-cut -d work third db
is "$(cut -f 2 out | head -n 1)" 1 "is none either"
absent work/third/cut.next

# A block of it that is damaged says nothing of its pages.
rm -rf db* work
make_db db 2000
ok "a cut" seg-cut -d work shop db
last=$(cut -f 3 out | head -n 1)
printf x | dd of=work/shop/cut.memory bs=1 seek=$((4096 + 100)) conv=notrunc 2>err
log_sql "UPDATE t SET v = 'x' WHERE id = 7"
ok "with a damaged memory" seg-cut -d work shop db
is "$(cut -f 2 out | head -n 1)" 1 "a full cut"
is "$(($(cut -f 3 out | head -n 1) > last))" 1 "numbered after what is there"

# ---- -n ----

rm -rf work db*
make_db db 50
rm -f db-wal db-shm
mkdir data
mv db data
tree data >before
ok "-n: the first" seg-cut -n -d data/work shop data/db
cp out in
cut -f 2,3,5,6 out >n
tree data >after
same after before "-n: nothing is made"
mv data/db .
ok "the first" seg-cut -d work shop db
cut -f 2,3,5,6 out >really
same n really "-n: said what came"
is "$(basename "$(head -n 1 in | cut -f 1)" | cut -c 1-41)" \
	"$(basename "$(head -n 1 out | cut -f 1)" | cut -c 1-41)" "and where"
ok "-n: nothing changed" seg-cut -n -d work shop db
is "$(cat out)" "" "-n: an empty set"
log_sql "UPDATE t SET v = 'x' WHERE id = 7"
tree work >before
ok "-n: an increment" seg-cut -n -d work shop db
cut -f 2,3,5,6 out >n
tree work >after
same after before "-n: DIR is as it was"
ok "an increment" seg-cut -d work shop db
cut -f 2,3,5,6 out >really
same n really "-n: said what came"
ok "-n --full" seg-cut -n --full -d work shop db
is "$(cut -f 2 out | head -n 1)" 1 "is full"
sqlite3 db 'PRAGMA journal_mode = delete; DELETE FROM t WHERE id > 20; VACUUM' >out
ok "-n: a rollback journal" seg-cut -n -d work shop db
cut -f 2,3,5,6 out >n
ok "really" seg-cut -d work shop db
cut -f 2,3,5,6 out >really
same n really "-n: said what came"
mkdir st
ok "-n: with a store" seg-cut -n -s st -d work shop db
is "$(wc -l <out)" 4 "what is pending is in the set"
sqlite3 db 'DELETE FROM t WHERE id > 10'
ok "-n: with a store" seg-cut -n -s st -d work shop db
is "$(wc -l <out)" 5 "and the cut that would be"
# A log without its wal-index cannot be read without making one
rm -rf db*
make_db db 50
log_sql "UPDATE t SET v = 'x' WHERE id = 7"
rm db-shm
must_fail 2 seg-cut -n -d work shop db
err_like 'has no -shm beside it, and -n makes none' "said"
absent db-shm
must_fail 1 seg-cut -n -d work shop nothere

# ---- TIME ----

rm -rf db* work st
make_db db 50
# The cut before was made by a clock ten days ahead: a segment says so.
ok "a cut" seg-cut -d work shop db
key=$(head -n 1 out | cut -f 1)
key=${key##*/}
ahead=$(($(date +%s%3N) + 864000000))
new=$(printf '%.42s%020d' "$key" "$ahead")
for part in seg idx; do
	mv "work/shop/${key%.seg}.$part" "work/shop/$new.$part"
done
log_sql "UPDATE t SET v = 'x' WHERE id = 7"
ok "a cut behind one that is ahead of the clock" seg-cut -d work shop db
is "$(cut -f 4 out | head -n 1)" \
	"$(date -u -d "@$((ahead / 1000))" +%FT%T).$(printf %03d $((ahead % 1000)))Z" \
	"has its TIME"
err_like 'shop: TIME is (10|9) d ahead of the clock' "which is said"
# They go away, the TIME stays
rm work/shop/*.seg work/shop/*.idx
log_sql "UPDATE t SET v = 'y' WHERE id = 7"
ok "-q: after those have gone" seg-cut -q -d work shop db
is "$(cut -f 4 out | head -n 1)" \
	"$(date -u -d "@$((ahead / 1000))" +%FT%T).$(printf %03d $((ahead % 1000)))Z" \
	"the TIME is not forgotten"
empty err "-q says nothing of it"

# seg-plan says it too
n=shop/18446744073709551608-00000000000000000001-0000
printf '%s\n\n' "${n}0001700000000000" >in
ok "-t" seg-plan -t 2030-01-01T00:00:00Z <in
empty err "nothing to say"
printf '%s\n%s\n\n' "${n}9000000000000000" \
	"shop/18446744073709551606-00000000000000000008-00000001700000000000" >in
for opt in '-t 2030-01-01T00:00:00Z' -a; do
	# shellcheck disable=SC2086
	ok "seg-plan $opt" seg-plan $opt <in
	err_like 'shop: 1 of 2 segments with a TIME ahead' "is said"
	err_like 'shop: TIMEs fall .* at frame 9 ' "is said"
done
ok "seg-plan" seg-plan <in
empty err "the newest state is not asked by TIME"

done_testing
