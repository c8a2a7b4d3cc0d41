#!/bin/sh
# seg-rm on a directory store.
. "$(dirname "$0")/lib.sh"

SEG_STORE=$T/store
export SEG_STORE
objects=store/v2/clusters/default/namespaces

{
	mkseg work shop 1 50 1000 50 1 50
	mkseg work shop 51 60 2000 50 3 10 4 2
	mkseg work shop 61 65 3000 50 10 5 1 3
	echo
} >f
seg-upload --create <f >parts
mkseg work shop 1 60 2000 50 1 50 1 2 >f
seg-upload "$(cat f)" >merged
files() {
	find $objects -type f | wc -l
}

must_fail 1 sh -c 'seg-list shop | seg-rm'
err_like "^seg-rm: shop: refused: nothing else would hold frame 65" "all of it"
must_fail 1 sh -c 'sed -n 3p parts | seg-rm -e'
must_fail 1 sh -c '{ sed -n 1p parts; cat merged; } | grep . | seg-rm -e'
err_like "hold frame 50" "a plan for restore"
is "$(files)" 8 "nothing was removed"
for bad in '{ sed -n 1,2p parts; echo x; echo; }' '{ sed -n 1,2p parts; echo !; }' \
	'sed -n 1,2p parts' 'printf "%s" "$(sed -n 1,2p parts)"'; do
	must_fail 1 sh -c "$bad | seg-rm"
	is "$(files)" 8 "$bad: nothing was removed"
done
ok "-n" sh -c 'sed -n 1,2p parts | seg-rm -ne'
is "$(grep . out)" "$(sed -n 1,2p parts)" "prints what would go"
is "$(files)" 8 "nothing was removed"

data=$objects/shop/segments/$(sed -n '1s,shop/\([^	]*\).*,\1,p' merged)
mv "$data" data
must_fail 1 sh -c 'sed -n 1,2p parts | seg-rm -e'
err_like "^seg-rm: shop: refused: nothing else would hold frame" "an index without its data holds nothing"
mv data "$data"
is "$(files)" 8 "nothing was removed"

ok "what a merge covers" sh -c 'sed -n 1,2p parts | sort -r | seg-rm -e'
is "$(grep . out)" "$(sed -n 1,2p parts)" "is printed in frame order"
is "$(files)" 4 "index and data are gone"
ok "again" sh -c 'sed -n 1,2p parts | seg-rm -v -e'
is "$(grep -c 'gone already' err)" 2 "-v says that it was gone"
is "$(grep -c . out)" 2 "printed"

sed -n 1p parts >one
ok "again, watched" fs FS_LOG="$T/log" seg-rm -e <one
is "$(grep -E '^fsync .*/(segments|indexes)$' log | sed 's,.*/,,')" \
	"$(printf 'segments\nindexes')" "what a killed run removed does not come back"
must_fail 3 fs FS_FAIL='unlink@/removal$=EIO' seg-rm -e <one
err_like "/removal: Input/output error" "a lock that stays is said"
is "$(tail -n 1 out)" '!' "and its set failed"
ok "the next run" seg-rm -e <one
absent store/v2/clusters/default/claims/shop/removal

# data left by a killed run
key=$(sed -n '3s,shop/\([^	]*\).*,\1,p' parts)
seg-upload -F "$(find work -name '*51-*2000.seg')" >/dev/null
k2=$(sed -n '2s,shop/\([^	]*\).*,\1,p' parts)
rm "$objects/shop/indexes/$k2"
ok "data without its index" seg-rm "shop/$k2"
is "$(files)" 4 "is removed"

# the newest state, though every frame stays covered
{
	mkseg work two 1 5 1 9 1 3
	mkseg work two 6 9 2 9 1 3
	echo
} >f
mkseg work two 4 9 2 9 1 3 >w
seg-upload <f >/dev/null
seg-upload -F "$(cat w)" >/dev/null
must_fail 1 sh -c 'seg-list two | sed -n 3p | seg-rm -e'
err_like "newest state could no longer be restored" "no chain without it"
ok "-F" sh -c 'seg-list two | sed -n 3p | seg-rm -F -e'
ok "-F for all" sh -c 'seg-list two | seg-rm -F'
absent $objects/two
ok "the other namespace" test -f "$objects/shop/indexes/$key"
must_fail 2 seg-rm -s nowhere "shop/$key"
must_fail 2 seg-rm shop
err_like '^seg-rm: shop: not a name NAMESPACE/KEY$' "what it is not"
must_fail 2 seg-verify shop
err_like 'shop: neither a name NAMESPACE/KEY nor a path' "what it is neither of"
ok "many at a time" sh -c '
	for e in $(seq 5 5 1000); do mkseg many many $((e - 4)) "$e" "$e" 9 1 3; done >m
	echo >>m; seg-upload <m >n; seg-rm -F <n'
is "$(cut -f 1 out)" "$(cut -f 1 n)" "in frame order"
absent $objects/many
done_testing
