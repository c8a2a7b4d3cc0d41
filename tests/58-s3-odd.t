#!/bin/sh
# Services that radosgw is not: tests/odd-s3.pl.
. "$(dirname "$0")/lib.sh"

AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b SEG_STORE=s3://bkt/p
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY SEG_STORE
no_proxy='*'
export no_proxy
server=
served=0
at_exit() {
	[ -z "$server" ] || kill "$server" 2>/dev/null
}

# serve ODDITY...: such a service, empty; where it keeps what is $dir
serve() {
	at_exit
	served=$((served + 1))
	dir=$T/srv.$served
	mkdir "$dir"
	setpriv --pdeathsig KILL perl "$TOP/tests/odd-s3.pl" "$dir" "$@" \
		>"$dir/port" 2>"$dir/err" &
	server=$!
	await test -s "$dir/port" || {
		fail "the odd service starts"
		done_testing
	}
	AWS_ENDPOINT_URL=http://127.0.0.1:$(cat "$dir/port")
	export AWS_ENDPOINT_URL
}

# A database in five cuts, and what a restore must give.
sqlite3 a.db 'CREATE TABLE t(x)'
for i in 1 2 3 4 5; do
	sqlite3 a.db "INSERT INTO t VALUES($i)"
	env -u SEG_STORE seg-cut -d cuts shop a.db >>paths
done
sed -i '/^$/d; s/	.*//' paths
image a.db want.db

# works DESC: backed up, listed, restored, compacted, retired
works() {
	rm -rf now.db f
	# shellcheck disable=SC2046
	ok "$1: seg-upload" seg-upload $(cat paths)
	ok "$1: seg-list" seg-list shop
	cp out listing
	is "$(grep -c . listing)" 5 "$1: five segments"
	ok "$1: seg-list -N" seg-list -N
	is "$(cat out)" shop "$1: the namespace"
	ok "$1: a list of all" seg-list
	same out listing "$1: is the same"
	ok "$1: restored" sh -c '
		seg-plan <listing >plan && seg-fetch -d f <plan >got &&
			seg-restore now.db <got'
	same now.db want.db "$1: the same database"
	ok "$1: compacted" sh -c '
		seg-plan -c all <listing >plan && seg-fetch -d f <plan >got &&
			seg-merge <got >merged && seg-upload <merged'
	ok "$1: retired" sh -c '
		seg-list shop >all && seg-plan -x -o 0s <all >old && seg-rm <old'
	ok "$1: listed again" seg-list shop
	is "$(grep -c . out)" 1 "$1: one segment is left"
}

for odd in is-truncated no-truncated always-token after-ignored after-inclusive \
	'date=%a, %d %b %Y %H:%M:%S GMT' 'date=%Y-%m-%dT%H:%M:%S+0000' \
	date=none; do
	serve "$odd"
	works "$odd"
done
serve no-truncated after-ignored date=none
works "all at once"

# --- what cannot be taken for directories

serve delimiter-ignored
# shellcheck disable=SC2046
ok "an upload" seg-upload $(cat paths)
must_fail 1 seg-list -N
err_like 'the listing of p/v2/clusters/default/namespaces/ has objects .* delimiters$' "says why"
ok "what needs none" seg-list shop
is "$(grep -c . out)" 5 "five segments"

# --- a date is needed by -O alone

object=v2/clusters/default/namespaces/shop/segments/$(basename "$(head -n 1 paths)" .seg)
orphan() {
	mkdir -p "$dir/objects"
	cp "$(head -n 1 paths)" "$dir/objects/$(printf 'p/%s' "$object" | od -An -tx1 -v | tr -d ' \n')"
	touch -d '3 days ago' "$dir/objects"/*
}
serve
orphan
ok "an orphan" seg-list -O shop
is "$(grep -c . out)" 1 "it is old enough"
serve date=none
orphan
ok "one without a date" seg-list -O shop
is "$(grep -c . out)" 0 "it is not called an orphan"
err_like 'shop: 1 data object.*no date' "and that is said"

# --- Expect: 100-continue

serve expect-refused
works "417"
serve expect-ignored
works "Expect unanswered"
is "$(grep -c 'expect$' "$dir/log")" 0 "small bodies go without"
head -c 3000000 /dev/urandom >big
sqlite3 big.db "CREATE TABLE t(x); INSERT INTO t VALUES(readfile('big'))"
env -u SEG_STORE seg-cut -d cuts big big.db | sed '/^$/d; s/	.*//' >bigpath
serve
ok "a large body" seg-upload "$(cat bigpath)"
is "$(grep -c '/segments/.*expect$' "$dir/log")" 1 "goes with it"
is "$(grep -c 'expect$' "$dir/log")" 1 "and its index without"
serve expect-refused
ok "a large body, answered with 417" seg-upload --retry-for 5 "$(cat bigpath)"
is "$(grep 'PUT .*/segments/' "$dir/log" | sed 's/.*segments.[0-9-]* //' | tr '\n' ,)" \
	'417 expect,200,' "is sent without"
ok "it is there" sh -c 'seg-list big >l && seg-plan <l >p && seg-fetch -d f2 <p'

# --- an object that comes while its parts go up

mkseg huge huge 1 17000 1000 17000 1 17000 >hugepath
serve other-first
must_fail 1 seg-upload "$(cat hugepath)"
err_like 'huge/segments/.*: exists with other content$' "another one came first"
is "$(grep -c 'PUT .*/indexes/' "$dir/log")" 0 "no index says that it is ours"
rm -r huge "$dir"

# --- conditional writes

for status in 400 501; do
	serve condition=$status
	works "If-None-Match: $status"
	# shellcheck disable=SC2046
	ok "$status: said under -v" seg-upload -v -F $(cat paths)
	err_like 's3://bkt: .*tried without conditional writes' "$status: what of"
	is "$(grep -c credentials err)" 0 "$status: no word of credentials"
done

# --- refused credentials

for code in AccessDenied ExpiredToken; do
	serve
	for name in a b c d e; do
		env -u SEG_STORE seg-cut -d cuts2 $name a.db >many
		seg-upload "$(sed 's/	.*//; q' many)" >out
		rm -rf cuts2
	done
	before=$dir/objects
	serve refuse=$code:3 # two for their names, one for the first
	cp -r "$before" "$dir/"
	must_fail 2 seg-list
	is "$(grep -c ' 403$' "$dir/log")" 1 "$code: one is enough"
	is "$(tail -n 1 out)" '!' "$code: its set has failed"
	is "$(grep -c . err)" 1 "$code: said once"
	is "$(grep -c '^[a-z]/' out)" 1 "$code: what was listed before stands"
	: >"$dir/log"
	must_fail 2 seg-list a b c
	is "$(grep -c '' "$dir/log")" 1 "$code: of those named too"
	empty out "$code: nothing on stdout"
done

# --- the rest of a body that was cut short

file=$(head -n 1 paths)
# cut_short WHAT: the second answer is of that kind
cut_short() {
	serve cut=1000 "rest=$1"
	seg-upload "$file" >list
	rm -rf rest
	ok "$1: fetched" seg-fetch -v -d rest <list
	same "rest/${file#*/}" "$file" "$1: all of it"
	sed -n 's,^GET .*/segments/[^ ]* ,,p' "$dir/log" >got
}
for what in right whole; do
	cut_short $what
	is "$(wc -l <got)" 2 "$what: the rest is all that is asked for"
	is "$(sed -n '2s/[0-9]* //p' got)" 'bytes=1000- "x"' \
		"$what: from there on, of the same object"
done
for what in etag size; do
	cut_short $what
	err_like 'segments/.*: changed meanwhile' "$what: another object"
	is "$(sed -n '3p' got)" 200 "$what: fetched from its start"
done
cut_short first
err_like 'segments/.*: the server sends another part' "first: another part"

# --- a connection that was kept, and ends as it is used again

serve drop-reused
# shellcheck disable=SC2046
ok "seg-upload" seg-upload -v $(cat paths)
is "$(grep -c 'trying again' err)" 0 "libcurl sends the body again"
ok "what is there" sh -c 'seg-list shop >l && seg-fetch -d kept <l'
ok "is whole" diff -r cuts/shop kept/shop -x cut.memory

# --- claims that read back as something else

serve get=/claims/shop/0
# shellcheck disable=SC2046
ok "claims that are none when they are read: seg-upload" \
	seg-upload --busy-timeout 0 $(cat paths)
empty err "nothing is said of it"
ok "-v" seg-upload -v "$(head -n 1 paths)"
is "$(grep -c . out)" 1 "again"
ok "all is there" sh -c 'seg-list shop >l && seg-fetch -d claimed <l'
ok "and whole" diff -r cuts/shop claimed/shop -x cut.memory
serve
# shellcheck disable=SC2046
ok "three of them" seg-upload $(head -n 3 paths)
# One that was there and is none: an error, said once.
end=$(seg-list shop | sed -n 3p | cut -f 3)
serve get=/claims/shop/0
mkdir -p "$dir/objects"
# shellcheck disable=SC2046
ok "three of them" seg-upload $(head -n 3 paths)
claim=$(printf v2/clusters/default/claims/shop/%020d "$end")
object=$(printf %s "p/$claim" | od -An -v -tx1 | tr -d ' \n')
echo nonsense >"$dir/objects/$object"
# shellcheck disable=SC2046
must_fail 1 seg-upload $(sed -n 4,5p paths)
is "$(cat err)" "seg-upload: $claim: not a claim" "one that was there: said once"
is "$(seg-list shop | grep -c .)" 3 "nothing is published"
# shellcheck disable=SC2046
ok "-F" seg-upload -F $(sed -n 4,5p paths)

# --- archives, headers that are refused, versions in small pages

serve
# shellcheck disable=SC2046
ok "--storage-class" seg-upload --storage-class GLACIER_IR $(cat paths)
is "$(grep -c '^PUT.*/segments/.* GLACIER_IR' "$dir/log")" 5 "of data objects"
is "$(grep -c ' GLACIER_IR' "$dir/log")" 5 "alone"
# refused HEADER:STATUS:CODE OPTION ARG...: 2, and the option is named
refused() {
	serve "refuse-header=$1"
	refused_of=$1 refused_option=$2
	shift 2
	must_fail 2 seg-upload -v "$@" "$(head -n 1 paths)"
	err_like "^seg-upload: v2/.* ${refused_of##*:}; sent with $refused_option$" \
		"$refused_of: the option"
	is "$(grep -c 'tried without' err)" 0 "not tried without"
	must_fail 1 seg-list shop
}
kms='--sse aws:kms --sse-key k'
refused x-amz-storage-class:400:InvalidStorageClass --storage-class \
	--storage-class COLD
refused x-amz-storage-class:501:NotImplemented --storage-class \
	--storage-class COLD
# shellcheck disable=SC2086
{
	refused x-amz-server-side-encryption:501:NotImplemented \
		"--sse, --sse-key" $kms --storage-class COLD
	refused x-amz-server-side-encryption:400:KMS.NotFoundException \
		--sse-key $kms
	refused x-amz-server-side-encryption:400:InvalidRequest \
		"--sse, --sse-key" $kms
}
serve
# shellcheck disable=SC2046
ok "a history" seg-upload $(cat paths)
seg-list shop >l
mv "$dir/objects" kept-objects
# What is no segment's comes first in the listing of what is newest.
serve
# shellcheck disable=SC2046
ok "four of five" seg-upload $(head -n 4 paths)
foreign=p/v2/clusters/default/namespaces/shop/indexes/0
echo foreign >"$dir/objects/$(printf %s $foreign | od -An -v -tx1 | tr -d ' \n')"
ok "the fifth, behind a foreign object" seg-upload "$(tail -n 1 paths)"
serve archived
rm -rf "$dir/objects" && cp -r kept-objects "$dir/objects"
must_fail 1 seg-fetch -d archived "$(head -n 1 l | cut -f 1)"
err_like "^seg-fetch: v2/.*/segments/.*: archived: restore it first; 403 InvalidObjectState" "said"
is "$(grep -c archived err)" 1 "once"
serve hidden
rm -rf "$dir/objects" && cp -r kept-objects "$dir/objects"
must_fail 1 seg-list shop
ok "--hidden" seg-list --hidden shop
same out l "versions over several pages"
ok "fetched" seg-fetch --hidden -d hidden -e <l
ok "whole" diff -r cuts/shop hidden/shop -x cut.memory

# --- long tokens

serve
for n in 4000 16000; do
	# shellcheck disable=SC2046
	ok "a session token of $n bytes" env \
		AWS_SESSION_TOKEN="$(head -c $n /dev/zero | tr '\0' A)" \
		seg-upload $(cat paths)
done

done_testing
