#!/bin/sh
# A directory store on a disk that fails, and with objects that are none.
. "$(dirname "$0")/lib.sh"

SEG_STORE=$T/store
export SEG_STORE
objects=store/v2/clusters/default/namespaces/shop

{
	mkseg work shop 1 50 1000 50 1 50
	mkseg work shop 51 60 2000 50 3 10 4 2
	echo
} >f
seg-upload --create <f >names

# A removal that is not durable is none: what was removed may come back.
must_fail 3 failcall sync 5 seg-rm -F <names
is "$(cat out)" '!' "a removal that may come back is not printed"
err_like 'Input/output error' "and why"
ok "the next run" seg-rm -F <names
same out names "is told what is gone"

# So with what is put there.
must_fail 3 failcall sync 5 seg-upload <f
is "$(cat out)" '!' "an upload that may be lost is not printed"
ok "the next run" seg-upload <f
ok "all is there" sh -c 'seg-list shop >l && seg-fetch -d got <l'
ok "and whole" diff -r work got

# An object that is there is compared, its length too.
for part in segments indexes; do
	seg-rm -F <names >out
	mkdir -p "$objects/$part"
	: >"$objects/$part/$(sed -n '1s,.*/\([^	]*\).*,\1,p' names)"
	must_fail 1 seg-upload -F <f
	is "$(tail -n 1 out)" '!' "an empty object in $part is not the same"
done
done_testing
