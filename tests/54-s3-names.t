#!/bin/sh
# Namespaces, clusters and prefixes with what URLs, XML and shells have other
# uses for.
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR
. "$TOP/tests/s3.sh"

s3_start
s3_mb bkt
mkdir store
SEG_DIR=$T/store
SEG_S3=s3://bkt/pre/fix

# --- odd names

cat >odd.names <<'END'
 a b 
"quoted" and 'quoted'
#fragment?query=1
%
%2F%2f%00
&amp;<x y="z">
*
+
...
<![CDATA[]]>
=
Ünïcödé-日本語-🙂
[a]{b}|^`
\back\\slash
a
a b
a+b
a%20b
a%2Bb
a&b=c;d,e:f@g!h$i(j)
a.b
aa
~user
END
{
	while IFS= read -r n; do
		mkseg odd "$n" 1 5 1000 9 1 3 1 1
		mkseg odd "$n" 6 9 2000 9 2 3 1 2
		echo
	done <odd.names
	n=$(printf '%0255d' 7)
	mkseg odd "$n" 1 5 1000 9 1 3
	echo
} >odd.files
both "odd names" seg-upload <odd.files
is "$(grep -c . out)" 47 "each has its two"
cp out uploaded
both "list of all" seg-list
both "list -N" seg-list -N
while IFS= read -r n; do
	both "list of $n" seg-list -- "$n"
	is "$(grep -c . out)" 2 "its own alone"
done <odd.names
both "fetch" seg-fetch -d odd1 <uploaded
ok "fetch of the bucket" seg-fetch -s "$SEG_S3" -d odd2 <uploaded
ok "the files" diff -r odd odd2
ok "sync" seg-sync -k odd.db -s "$SEG_S3" --add 'a+b' --add 'a%20b' --add '&amp;<x y="z">'
is "$(cat out)" "" "prints nothing"
ok "list" seg-list -s "$SEG_S3" '&amp;<x y="z">' 'a%20b' 'a+b'
cp out listing
ok "list -k" seg-list -k odd.db
same out listing "the same"
both "verify" seg-verify <uploaded
same_objects "odd names"
both "rm" seg-rm -F <uploaded
both "list of nothing" seg-list a

# odd prefixes and clusters
cat >prefixes <<'END'
a
a/b
/a/
//a//
a b+c%20/&=?#
é'"/日本
%
~/$x
END
while IFS= read -r prefix; do
	export SEG_STORE="s3://bkt/$prefix"
	ok "upload to $SEG_STORE" seg-upload -F "$(sed -n 1p odd.files)"
	ok "list" seg-list
	cp out listing
	is "$(grep -c . out)" 1 "one"
	is "$(s3_ls "bkt/$(printf '%s' "$prefix" | sed 's,^/*,,; s,/*$,,')/v2/" | grep -c /namespaces/)" \
		2 "below the prefix without its outer slashes"
	ok "fetch" seg-fetch -d odd3 ' a b /'"$(sed -n '1s,.*/\([^	]*\)\.seg.*,\1,p' odd.files)"
	ok "rm" seg-rm -F <listing
done <prefixes
for cluster in 'c d' 'c+d' 'c%20d' "é'\"" '&='; do
	ok "cluster $cluster" seg-upload -s s3://bkt/c -C "$cluster" "$(sed -n 1p odd.files)"
done
ok "list" seg-list -s s3://bkt/c -C 'c+d'
is "$(grep -c . out)" 1 "one cluster's alone"
is "$(s3_ls bkt/c/ | grep -c /indexes/)" 5 "five clusters"
unset SEG_STORE
done_testing
