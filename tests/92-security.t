#!/bin/sh
# What segtools(7) claims of security and no other test sees: names that lead
# out, links deeper in a store, what goes over the wire, databases that are
# never run, bytes that a terminal obeys.
. "$(dirname "$0")/lib.sh"

AWS_ACCESS_KEY_ID=KEYID AWS_SECRET_ACCESS_KEY=SECRET0 AWS_SESSION_TOKEN=TOKEN0
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
no_proxy='*'
export no_proxy
servers=
at_exit() {
	# shellcheck disable=SC2086
	[ -z "$servers" ] || kill $servers 2>/dev/null
}

# serve DIR COMMAND...: its first line is its port, on 127.0.0.1
serve() {
	serve_dir=$1
	shift
	setpriv --pdeathsig KILL "$@" >"$serve_dir/port" 2>"$serve_dir/err" &
	servers="$servers $!"
	await test -s "$serve_dir/port" || {
		fail "the service starts"
		done_testing
	}
	AWS_ENDPOINT_URL_S3=http://127.0.0.1:$(cat "$serve_dir/port")
	export AWS_ENDPOINT_URL_S3
}

# harmless FILE DESC: nothing but visible ASCII, spaces and whole lines
harmless() {
	is "$(LC_ALL=C tr -d '\n\t\040-\176' <"$1" | od -An -c)" "" "$2"
}

make_db shop.db 40 1024 delete
seg-cut -d work shop shop.db >cuts
sqlite3 shop.db "UPDATE t SET v = 'x' WHERE id = 7"
seg-cut -d work shop shop.db >>cuts
grep . cuts | cut -f 1 >paths
ok "a store" sh -c 'seg-upload --create -s store <cuts'
ns=store/v2/clusters/default/namespaces
key=$(sed -n '1s,.*/,,; s/\.seg$//; 1p' paths)
ok "its listing" seg-list -s store shop
cp out listing

# --- names that a bucket says

mkdir bucket bucket/objects
# object KEY [FILE]
object() {
	cp "${2:-/dev/null}" \
		"bucket/objects/$(printf '%s' "p/v2/clusters/default/$1" | od -An -v -tx1 | tr -d ' \n')"
}
c1=$(printf "\302\233")
escape=$(printf "\033]0;x\007")$c1
for at in "namespaces/../indexes/$key" "namespaces/./indexes/$key" \
	"namespaces/../../../x/indexes/$key" "namespaces//indexes/$key" \
	"namespaces/shop/../indexes/$key" "namespaces/shop/indexes/../$key" \
	"namespaces/shop/indexes//$key" "namespaces/$escape/indexes/$key" \
	"namespaces/shop/indexes/$escape" "claims/../$key"; do
	object "$at"
done
while read -r path; do
	k=$(basename "$path" .seg)
	object "namespaces/shop/segments/$k" "$path"
	object "namespaces/shop/indexes/$k" "${path%seg}idx"
done <paths
serve bucket perl "$TOP/tests/odd-s3.pl" bucket
ok "a bucket with names that lead out" seg-list -v -s s3://bkt/p
sed 's/ *$//' out >got
is "$(grep -c '^shop/' out) $(grep -vc -e '^shop/' -e '^$' out)" "2 0" \
	"none of them is listed"
harmless err "those with bytes that a terminal obeys are shown, not sent"
ok "fetched" sh -c 'seg-fetch -s s3://bkt/p -d a/fetched <got || {
	mkdir a && seg-fetch -s s3://bkt/p -d a/fetched <got; }' 
is "$(find a -mindepth 1 -maxdepth 2 | sort | xargs)" "a/fetched a/fetched/shop" \
	"into the work directory alone"

# --- links in a store: as deep as a namespace, no deeper

rm -rf f
mkdir elsewhere
mv "$ns/shop/segments/$key" elsewhere/object
ln -s "$T/elsewhere/object" "$ns/shop/segments/$key"
must_fail 2 sh -c 'seg-fetch -s store -d f <listing'
err_like "segments/$key: a symbolic link, which is followed for" \
	"an object that is one is not read"
absent "f/shop/$key.seg"
rm "$ns/shop/segments/$key"
mv elsewhere/object "$ns/shop/segments/$key"
for folder in segments indexes; do
	mv "$ns/shop/$folder" elsewhere/
	ln -s "$T/elsewhere/$folder" "$ns/shop/$folder"
	ls -lR elsewhere >before
	rm -rf f
	must_fail 2 sh -c 'seg-fetch -s store -d f <listing'
	err_like "shop/$folder: a symbolic link" "$folder: not read through"
	sqlite3 shop.db "UPDATE t SET v = '$folder' WHERE id = 8"
	ok "a cut" seg-cut -d work shop shop.db
	cp out new
	must_fail 2 sh -c 'seg-upload -F -s store <new'
	err_like "shop/$folder: a symbolic link" "nor written"
	must_fail 2 sh -c 'seg-rm -F -s store <listing'
	ls -lR elsewhere >after
	same after before "what is behind it is as it was"
	rm "$ns/shop/$folder"
	mv "elsewhere/$folder" "$ns/shop/"
done

# --- checksums are not signatures

sqlite3 other.db "CREATE TABLE t(x); INSERT INTO t VALUES('another history')"
ok "who may write to a store" sh -c 'seg-cut -d w2 shop other.db >other.cut &&
	rm -rf store/v2 && seg-upload -s store <other.cut'
ok "replaces one valid history by another" sh -c 'seg-list -s store shop |
	seg-plan | seg-fetch -s store -d f3 | seg-restore now.db'
is "$(sqlite3 now.db 'SELECT * FROM t')" "another history" "which checksums do not find"

# --- secrets: on no command line, and not in what is sent

for path in "$SEGTOOLS_BIN"/seg-*; do
	"$path" -h
done >help
is "$(grep -ciE -e '--[a-z-]*(secret|password|access-key|token|credential)' help)" \
	0 "no option takes a secret"
is "$(grep -ciE -e '--[a-z-]*(insecure|no-?(verify|check)|tls|ssl|cert)' help)" 0 \
	"nor does one leave a certificate unverified"
is "$(($(grep -c -e '--store' help) > 5))" 1 "(these are the options)"

# Whatever is asked, it is written down and refused.
cat >recorder <<'END'
use IO::Socket::INET;
$| = 1;
my $l = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 9) or die;
print $l->sockport, "\n";
open my $log, '>>', $ARGV[0] or die;
while (my $c = $l->accept) {
	my ($head, $n) = ('', 0);
	while (defined(my $line = <$c>)) {
		$head .= $line;
		$n = $1 if $line =~ /^content-length: *(\d+)/i;
		last if $line eq "\r\n";
	}
	print $c "HTTP/1.1 100 Continue\r\n\r\n" if $head =~ /^expect:/im;
	read $c, my $body, $n if $n;
	syswrite $log, $head . ($body // '');
	print $c "HTTP/1.1 403 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
	close $c;
}
END
mkdir wire
serve wire perl recorder wire/log
for cmd in "seg-list shop" "seg-upload $(sed q paths)" "seg-fetch -d f4 shop/$key" \
	"seg-rm -F shop/$key"; do
	# shellcheck disable=SC2086
	must_fail 2 env SEG_STORE=s3://bkt/p $cmd
done
is "$(($(grep -c '^Authorization: AWS4-HMAC-SHA256 Credential=KEYID/' wire/log) > 3))" \
	1 "over http:// requests are signed"
is "$(grep -c SECRET0 wire/log)" 0 "the secret is in none of them"

# --- what is in a database is not run where it is cut and merged

sqlite3 hostile.db "CREATE TABLE t(x CHECK(x <> load_extension('./x.so')));
	CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT load_extension('./x.so'); END;
	CREATE VIEW v AS SELECT writefile('written', 'x');
	PRAGMA writable_schema = on;
	INSERT INTO sqlite_schema VALUES('table', 'n', 'n', 3, 'CREATE TABLE nonsense(');
	INSERT INTO sqlite_schema VALUES('table', 'm', 'm', 0,
		'CREATE VIRTUAL TABLE m USING nosuchmodule(x)')" 2>err
run sqlite3 hostile.db 'SELECT * FROM t'
[ "$status" != 0 ]
is $? 0 "a schema that SQLite cannot even read"
ok "cut" seg-cut -d w5 hostile hostile.db
cp out cut1
image hostile.db want1
printf x | dd of=hostile.db bs=1 seek=27 conv=notrunc 2>/dev/null
printf x | dd of=hostile.db bs=1 seek=95 conv=notrunc 2>/dev/null
ok "cut again" seg-cut -d w5 hostile hostile.db
grep -h . cut1 out >both
cp hostile.db want
ok "merged" sh -c 'seg-merge -e -d w6 <both'
cp out merged
ok "restored" sh -c 'seg-restore r.db <merged'
same r.db want "byte for byte"
absent written

# --- what a service says is shown, not sent

mkdir refusing
serve refusing perl "$TOP/tests/odd-s3.pl" refusing "refuse=Bad$c1:1"
run seg-list -s s3://bkt/p shop
must_fail 2 seg-list -v -s s3://bkt/p shop
err_like '403 Bad' "a refusal with what a terminal obeys"
harmless err "is shown"
is "$(grep -c 'u009b' err)" 1 "as what it is"
no_leftovers .
done_testing
