#!/bin/sh
# seg-list, and history behind it: order, joins, what is foreign, orphans.
. "$(dirname "$0")/lib.sh"

SEG_STORE=$T/store
export SEG_STORE
ns=store/v2/clusters/default/namespaces

must_fail 2 seg-list
err_like "^seg-list: $T/store: no such store" "a store that is not there"
empty out "nothing on stdout"
mkdir store
must_fail 1 seg-list
is "$(cat out)" "" "an empty store: an empty set"
ok "no names in an empty store" seg-list -N
empty out "not a byte"
must_fail 1 seg-list shop
is "$(wc -c <out)" 1 "no segments: an empty set"
err_like "^seg-list: shop: no segments$" "said"

# object NAMESPACE PART KEY BYTES
object() {
	mkdir -p "$ns/$1/$2"
	head -c "$4" /dev/zero >"$ns/$1/$2/$3"
}
k1=18446744073709551605-00000000000000000001-00000001726000000000
k1b=18446744073709551605-00000000000000000001-00000001726000000001
k2=18446744073709551604-00000000000000000011-00000001726000001000
wide=18446744073709551604-00000000000000000001-00000001726000001000
for k in $k1 $k1b $k2 $wide; do
	object shop indexes "$k" 30
	object shop segments "$k" 8288
done
rm "$ns/shop/segments/$wide"
object 'a+b %"c' indexes $k1 30
object 'a+b %"c' segments $k1 100
ok "two namespaces" seg-list -N
is "$(cat out)" 'a+b %"c
shop' "their names in byte order"
ok "as JSON" seg-list -NJ
is "$(cat out)" '{"namespace":"a+b %\"c"}
{"namespace":"shop"}' "with quotes escaped"
ok "a set for each" seg-list
tab=$(printf '\t')
{
	printf 'a+b %%"c/%s\t1\t10\t2024-09-10T20:26:40.000Z\t-\t100\n\n' $k1
	printf 'shop/%s\t1\t10\t2024-09-10T20:26:40.000Z\t2\t8288\n' $k1
	printf 'shop/%s\t1\t10\t2024-09-10T20:26:40.001Z\t2\t8288\n' $k1b
	printf 'shop/%s\t1\t11\t2024-09-10T20:26:41.000Z\t-\t-\n' $wide
	printf 'shop/%s\t11\t11\t2024-09-10T20:26:41.000Z\t2\t8288\n\n' $k2
} >wanted
same out wanted "in frame order, sizes joined, a missing one unknown"
ok "as JSON" seg-list -J shop
out_like "^.\"name\":\"shop/$wide\",.*\"bytes\":null" "unknown is null" ||
	cat out
is "$(tail -n 1 out)" "" "the set ends"

# what is foreign
object shop indexes README 3
object shop indexes "${k1}0" 3
object shop indexes 00000000000000000000-1-1 3
object shop indexes/deep $k1 3
object shop segments +8446744073709551605-00000000000000000001-00000001726000000000 3
object shop . stray 1
ln -s /etc/passwd "$ns/shop/indexes/link"
mkfifo "$ns/shop/indexes/fifo"
mkdir -p "$ns/empty/indexes" "$ns/shop/indexes/.segtmp-dir"
: >"$ns/shop/indexes/.segtmp-$k1"
: >"$ns/file"
ok "with strangers" seg-list
same out wanted "they are skipped"
empty err "silently"
ok "with -v" seg-list -v shop
for what in README "${k1}0" 00000000000000000000-1-1 "deep/$k1" stray link \
	fifo; do
	err_like "$what.*skipped" "-v names $what"
done
ok "names" seg-list -N
is "$(wc -l <out)" 2 "neither files nor empty directories are namespaces"

# orphans
object shop segments $k2 8288
object shop segments 18446744073709551600-00000000000000000012-00000001726000001000 8288
ok "a young orphan" seg-list -O shop
is "$(cat out)" "" "may be an upload in progress"
touch -d '25 hours ago' "$ns"/shop/segments/*
ok "an old one" seg-list -O shop
is "$(cut -f 1,6 out)" "shop/18446744073709551600-00000000000000000012-00000001726000001000${tab}8288" \
	"is listed"

# A namespace with nothing but orphans is none, unless it is asked for.
ok "all namespaces" seg-list
cp out all
mkdir "$ns/half"
object half segments $k2 8288
ok "and one that only has orphans" seg-list
same out all "is not listed"
must_fail 1 seg-list half
is "$(cat out)" "" "an empty set where it is named"
rm -r "$ns/half"

# options
must_fail 2 seg-list a/b
must_fail 2 seg-list ..
must_fail 2 seg-list -N shop
must_fail 2 seg-list -N -O
must_fail 2 seg-list -C a/b shop
must_fail 2 seg-list -s ""
must_fail 2 seg-list -s http://x
ok "file://" seg-list -s "file://$T/store" shop
must_fail 1 seg-list -C other shop

# --- what is no namespace, and what is one all the same

rm -rf store
for name in one three two; do
	object $name indexes $k1 50
	object $name segments $k1 4152
done
object .segtmp-x indexes $k1 50
ok "one that is called as temporary files are" seg-list -N
is "$(head -n 1 out)" .segtmp-x "is listed"
rm -r "$ns/.segtmp-x"
ok "three namespaces" seg-list
cp out three
mkdir -p "$ns/@eaDir/sub" "$ns/lost+found" "$ns/.snapshot"
echo thumb >"$ns/@eaDir/sub/index"
echo >"$ns/.snapshot/file"
ok "what others keep beside them" seg-list -N
is "$(tr '\n' ' ' <out)" "one three two " "is no namespace"
ok "and gives no set" seg-list
same out three "the same three"

mkdir disk
mv "$ns/two" disk/
ln -s "$T/disk/two" "$ns/two"
ln -s . "$ns/loop"
ln -s ../namespaces "$ns/up"
ok "one that was moved, with a symbolic link in its place" seg-list -N
is "$(tr '\n' ' ' <out)" "one three two " "is a namespace; loops are none"
ok "and is listed" seg-list
same out three "as before"
mv store/v2/clusters/default disk/cluster
ln -s "$T/disk/cluster" store/v2/clusters/default
ok "a cluster too" seg-list
same out three "as before"
rm store/v2/clusters/default
mv disk/cluster store/v2/clusters/default

# alone WHY STATUS: two fails alone
alone() {
	must_fail "$2" seg-list
	sed 's/^two.*/!/; /^!/{n;d;}' three >want
	same out want "$1: its set has failed, the others are listed"
	is "$(grep -c . err)" 1 "$1: said once"
	err_like 'namespaces/two' "$1: of what"
	must_fail "$2" seg-list -N
	is "$(tr '\n' ' ' <out)" "one three " "$1: the others are namespaces"
	err_like 'namespaces/two' "$1: of what"
	must_fail "$2" seg-list two
}
mv disk/two disk/unmounted
alone "a symbolic link to nothing" 1
rm "$ns/two"
ln -s two "$ns/two"
alone "a symbolic link to itself" 2
rm "$ns/two"
cp -r disk/unmounted "$ns/two"
mv "$ns/two/indexes" disk/indexes
ln -s "$T/disk/indexes" "$ns/two/indexes"
alone "a symbolic link deeper" 2
rm -r "$ns/two"
cp -r disk/unmounted "$ns/two"

# --- what cannot be read is not empty

must_fail 3 failcall list 5 seg-list one
is "$(cat out)" '!' "readdir fails: the set has failed"
err_like 'Input/output error' "readdir fails: said"
must_fail 3 failcall list 5 seg-list -N
must_fail 3 failcall list 5 seg-list
must_fail 3 sh -c 'ulimit -n 4; exec seg-list one'
err_like 'Too many open files' "opendir fails: said"
unreadable() {
	if [ "$(id -u)" = 0 ]; then
		as_nobody "$@"
	else
		"$@"
	fi
}
chmod 0 "$ns/two" "$ns/lost+found"
must_fail 2 unreadable seg-list
sed 's/^two.*/!/; /^!/{n;d;}' three >want
same out want "one that must not be read fails alone"
is "$(grep -c . err)" 1 "said once"
must_fail 2 unreadable seg-list -N
is "$(tr '\n' ' ' <out)" "one three " "the others are namespaces"
must_fail 2 unreadable seg-list two one
is "$(tail -n 2 out | head -n 1)" "$(sed 's/^two.*/!/; q' three)" "and so where they are named"
# --- which are stale
rm -rf stale
mkdir stale
sqlite3 s.db 'CREATE TABLE t(x)'
for n in old new none future; do
	ok "cut $n" sh -c "seg-cut -d ws $n s.db | seg-upload -s stale"
done
at=stale/v2/clusters/default/namespaces
now=$(($(date +%s) * 1000))
retime() { # NAMESPACE TIME: the only segment gets that TIME in its name
	for o in indexes segments; do
		key=$(basename "$at/$1/$o"/*)
		mv "$at/$1/$o/$key" "$at/$1/$o/${key%-*}-$(printf %020d "$2")"
	done
}
retime old $((now - 7200000))
retime future $((now + 86400000))
rm "$at/none/indexes"/*
must_fail 1 seg-list -s stale --stale 1h
is "$(tr '\n' ' ' <out)" "none old " "those that are old, or have no segment"
err_like '^seg-list: 2 of 4 namespaces without a state of the last 1h$' "and how many"
err_like '^seg-list: future: its newest state is of .*, ahead of the clock$' \
	"a TIME ahead of the clock is said"
must_fail 1 seg-list -s stale --stale 3h
is "$(cat out)" none "older than three hours"
ok "all fresh" seg-list -s stale --stale 1h new future
empty out "no line"
must_fail 1 seg-list -s stale --stale 1h old missing new
is "$(tr '\n' ' ' <out)" "old missing " "of those named"
must_fail 1 seg-list -J -s stale --stale 1h old
is "$(cat out)" '{"namespace":"old"}' "JSON"
ok "a catalogue" seg-sync -s stale -k stale.cat --add old --add new
must_fail 1 seg-list -s stale -k stale.cat --stale 1h
is "$(cat out)" old "from a catalogue"
must_fail 2 seg-list -s stale --stale 1x
must_fail 2 seg-list -s stale --stale 1h -N
must_fail 2 seg-list -s stale --stale 1h -O

done_testing
