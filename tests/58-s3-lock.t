#!/bin/sh
# How objects are kept in a bucket: Object Lock, encryption, storage classes; what
# was hidden there; who may do what; a second copy.
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR
. "$TOP/tests/s3.sh"

s3_start
ns=v2/clusters/default/namespaces

sqlite3 a.db 'CREATE TABLE t(x)'
for i in 1 2 3 4; do
	sqlite3 a.db "INSERT INTO t VALUES(randomblob(9000 + $i))"
	seg-cut -d work shop a.db | sed '/^$/d'
done >paths
image a.db want.db
one=$(sed -n 1p paths | cut -f 1) two=$(sed -n 2p paths | cut -f 1)

SEG_STORE=s3://locked/p
export SEG_STORE

# head_of PATH [CURL-ARG...]: the headers of an object
head_of() {
	head_path=$1
	shift
	s3_curl "$@" -I "$(s3_url "$head_path")" | tr -d '\r' | tr '[:upper:]' '[:lower:]'
}

# versions PATH: how many there are of what begins so, and how many markers
versions() {
	s3_curl "$(s3_url "${1%%/*}")?prefix=$(printf %s "${1#*/}" | s3_encode)&versions=" |
		tr '>' '\n' | awk '/^<Version$/ { v++ } /^<DeleteMarker$/ { m++ }
			END { print v + 0, m + 0 }'
}

# --- a bucket that cannot lock

s3_mb plain
for class in --lock=1h "--create --lock=1h"; do
	# shellcheck disable=SC2086
	must_fail 2 seg-upload -s s3://plain/p $class "$one"
	err_like "^seg-upload: s3://plain: --lock: it cannot lock objects.*--create --lock" "said"
	empty out "nothing on stdout"
done
is "$(s3_ls plain)" "" "nothing is put"
must_fail 2 seg-upload --lock=1h "$one"
err_like "no such bucket" "a bucket that is not there"
must_fail 2 seg-upload -n --lock=1h -s s3://plain "$one"
must_fail 2 seg-upload --lock=1h -s dir --create "$one"
err_like "dir: --lock is for buckets" "a directory"
bad() {
	must_fail 2 seg-upload -s s3://plain "$@" "$one"
	err_like "${1%%=*}" "the option is named"
}
for age in 0s x 200000d; do
	bad --lock=$age
done
bad --sse=aes
bad --sse-key=k
bad --sse-key=k --sse=AES256
bad --storage-class='A B'
bad --storage-class=

# --- one that can

s3_proxy
ok "--create --lock" seg-upload --create --lock 1h "$one"
data=$(s3_ls locked | sed -n 's/ [0-9]*$//; /segments/p')
index=$(s3_ls locked | sed -n 's/ [0-9]*$//; /indexes/p')
for object in "$data" "$index"; do
	head_of "locked/$object" >headers
	is "$(grep -c '^x-amz-object-lock-mode: compliance' headers)" 1 "locked: $object"
	until=$(sed -n 's/^x-amz-object-lock-retain-until-date: \(.*\)\..*/\1/p' headers)
	left=$(($(date -d "$(echo "$until" | tr t T)Z" +%s) - $(date +%s)))
	is "$((left > 3000 && left <= 3600))" 1 "for an hour"
done
log_clear
ok "once more" seg-upload -v --lock 1h "$one"
is "$(versions "locked/$data")" "1 0" "no second version"
is "$(grep -c 'no lock' err)" 0 "its lock is seen"
# What was put without it stays without it
ok "without" seg-upload "$two"
ok "then with" seg-upload --lock 1h "$two"
err_like "segments/.*: was there already, and no lock of it is seen" "which is said"
claim=$(s3_ls locked | sed -n 's/ [0-9]*$//; /claims/{p;q}')
is "$(head_of "locked/$claim" | grep -c lock-mode)" 0 "claims are not locked"
# What the network changed is refused, and sent again
rules "PUTDATA flip-request 1"
mkseg work2 small 1 5 1000 9 1 3 >path
ok "alone" env AWS_REQUEST_CHECKSUM_CALCULATION=when_required \
	seg-upload -v --lock 1h "$(cat path)"
err_like "BadDigest" "by its MD5"
rules ""

# --- removals

ok "the list" seg-list shop
cp out list
sed -n 1p list | cut -f 1 >first
sed -n 2p list | cut -f 1 >second
must_fail 1 seg-rm -F "$(cat first)"
err_like "^seg-rm: $(cat first): retained until 20..-..-..T..:..:..\\....Z" "retained"
is "$(cat out)" "!" "nothing is gone"
must_fail 1 seg-rm -n -F "$(cat first)"
must_fail 1 sh -c 'seg-rm -F -e <list'
is "$(cut -f 1 out | tr -d '\n')" "$(cat second)!" "what is not locked goes"
is "$(seg-list shop | cut -f 1 | tr -d '\n')" "$(cat first)" "the other is there"
is "$(versions "locked/$data") $(versions "locked/$index")" "1 0 1 0" "and not hidden"
ok "--unless-retained" seg-rm -F --unless-retained "$(cat first)"
is "$(cat out)" "" "not gone"
empty err "not said"
ok "-v" seg-rm -v -F --unless-retained "$(cat first)"
err_like "$(cat first): retained until" "said"
ok "again" seg-upload --lock 2s "$two"
gone() {
	seg-rm -F "$(cat second)" >out 2>err
}
await gone
is "$?" 0 "when the time is up it goes"
# Whether a bucket locks is asked once, and where it does not, nothing else
mkseg work2 many 1 4 1000 9 1 4 >paths2
mkseg work2 many 5 8 1001 9 1 4 >>paths2
# shellcheck disable=SC2046
ok "without locks" seg-upload -s s3://plain $(cat paths2)
log_clear
ok "removed" sh -c 'seg-list -s s3://plain many | seg-rm -F -s s3://plain'
is "$(grep -c object-lock log) $(grep -c HEADDATA log)" "1 0" "the requests"
# Who may not ask is told, and removes nothing
rules "GETDATA denied -" "GETINDEX denied -"
# shellcheck disable=SC2046
ok "unlocked" seg-upload $(cat paths2)
must_fail 2 sh -c 'seg-list many | seg-rm -F'
err_like "many/.* AccessDenied" "said"
is "$(seg-list many | grep -c many)" 2 "all is there"
rules "HEADDATA 503 1" "HEADINDEX 503 1"
must_fail 1 sh -c 'seg-list small | seg-rm -F'
rules ""
ok "who may" sh -c 'seg-list many | seg-rm -F'

# --- what somebody has hidden

SEG_STORE=s3://hide/p
ok "a locked history" seg-upload --create --lock 1h -e <paths
ok "its list" seg-list shop
cp out list
tail -n 2 list | head -n 1 | cut -f 1 >name # before the end line
s3_ls hide | sed -n 's/ [0-9]*$//; /namespaces/p' >objects
head -n 20000 /dev/urandom | head -c 3000 >junk
n=0
while read -r object; do # a marker, a newer version, both
	n=$((n + 1))
	[ $((n % 3)) = 1 ] || s3_put "hide/$object" junk
	[ $((n % 3)) = 2 ] || s3_rm "hide/$object"
	[ $((n % 3)) = 1 ] || s3_put "hide/$object" junk
done <objects
run seg-list shop
is "$(cmp -s out list; echo $?)" 1 "the list is another"
ok "--hidden" seg-list --hidden shop
same out list "the list is as it was"
ok "of all" seg-list --hidden
same out list "the same"
ok "-N --hidden" seg-list -N --hidden
is "$(cat out)" shop "the namespace"
ok "seg-fetch --hidden" seg-fetch --hidden -d rescued -e <list
cp out got
ok "and restored" seg-restore -e back.db <got
same back.db want.db "the database"
log_clear
ok "-l" seg-fetch --hidden -l -d lazily -e <list
is "$(grep -c ' ..*versions' log)" "$(grep '^GET\(DATA\|INDEX\)' log |
	sed 's/[^ ]* [^ ]* \([^? ]*\).*/\1/' | sort -u | grep -c .)" \
	"the versions of each object are asked for once"
cp out got
ok "and restored" seg-restore -e lazily.db <got
same lazily.db want.db "the database"
ok "-i" seg-fetch --hidden -i -d indexes "$(cat name)"
must_fail 1 seg-fetch --hidden -d x shop/00000000000000000001-00000000000000000001-00000000000000000001
err_like "not in the store" "what never was"
must_fail 1 seg-list --hidden nobody
for with in -O "--stale 1h" "-k c.db"; do
	# shellcheck disable=SC2086
	must_fail 2 seg-list --hidden $with
done
must_fail 2 seg-list --hidden -s "$T"
err_like "--hidden is for buckets" "a directory hides nothing"
must_fail 2 seg-fetch --hidden -s "$T" "$(cat name)"
# In a bucket without versions there is one of each
ok "plain" seg-upload -s s3://plain/h -e <paths
ok "--hidden" seg-list --hidden -s s3://plain/h shop
same out list "the list"
ok "fetched" seg-fetch --hidden -d plainly -s s3://plain/h -e <list

# --- who may do what: the policy of segtools-s3(7)

# literal MARK: the block behind that comment
literal() {
	awk -v mark="$1" '$0 == ".\\\" " mark { on = 1; next }
		on && /^\.Ed/ { exit }
		on && !/^\.Bd/' "$TOP/man/segtools-s3.7" | sed 's/\\e/\\/g'
}

SEG_STORE=s3://vault
making=
for user in backup prune restore; do
	# shellcheck disable=SC2154,SC2086
	s3_quiet radosgw-admin $s3_conf -n client.rgw user create --uid=$user \
		--display-name=$user --access-key=$user --secret-key=$user &
	making="$making $!"
done
# shellcheck disable=SC2086
wait $making
# by USER CMD...: with that one's keys
by() {
	by_user=$1
	shift
	env AWS_ACCESS_KEY_ID="$by_user" AWS_SECRET_ACCESS_KEY="$by_user" "$@"
}
must_fail 2 by backup seg-list
ok "the bucket" sh -c 'echo | seg-upload --create --lock 1h'
literal policy | sed 's/iam::123456789012:/iam:::/' >granted
s3_curl -T granted "$(s3_url vault)?policy="
is $? 0 "the policy is taken"

cp -r work cuts
sed 's/^work/cuts/' paths >cut-paths
ok "backup adds" by backup seg-upload -m --lock 2s -e <cut-paths
ok "and cuts" by backup seg-cut -d cuts shop a.db
ok "and is done twice" by backup seg-upload --lock 2s -e <paths
# In parts: each of them is checked, and locked is the whole
mkseg big big 1 17000 9 17000 1 17000 >path
log_clear
rules "MPPART flip-request 1"
ok "in parts" by backup env AWS_REQUEST_CHECKSUM_CALCULATION=when_required \
	seg-upload -v --lock 1h "$(cat path)"
err_like "BadDigest" "what the network changed is refused"
rules ""
is "$(grep -c '^MPPART' log)" 6 "and sent again"
big=$(s3_ls vault/$ns/big/segments | sed 's/ [0-9]*$//')
is "$(head_of "vault/$big" -u backup:backup | grep -c 'lock-mode: compliance')" 1 "it is locked"
by backup seg-list >listing
sed -n "/^shop/{p;q}" listing | cut -f 1 >oldest
ok "restore reads" by restore seg-fetch -d reader -e <listing
ok "from a list" by restore seg-list
same out listing "the same"
for what in backup restore; do
	must_fail 2 by $what seg-rm -F "$(cat oldest)"
	err_like "40[35] " "$what: may not remove"
	same_list() {
		seg-list >now && cmp -s now listing
	}
	ok "$what: all is there" same_list
done
mkseg more more 1 5 1000 9 1 3 >path
for what in prune restore; do
	must_fail 2 by $what seg-upload "$(cat path)"
	err_like "403 " "$what: may not add"
done
must_fail 1 by prune seg-rm -F big/18446744073709534615-00000000000000000001-00000000000000000009
err_like "retained until" "prune: not what is locked"
prune() {
	by prune seg-rm -F "$(cat oldest)"
}
ok "prune removes" await prune
is "$(seg-list | grep -c "$(cat oldest)")" 0 "it is gone"
ok "restore: what is hidden" by restore seg-list --hidden
same out listing "the list"
ok "and fetched" by restore seg-fetch --hidden -d reader2 "$(cat oldest)"
ok "backup goes on" by backup seg-upload -F --lock 1h "$(head -n 1 paths | cut -f 1)"

# --- a second copy: the script of segtools-s3(7)

SEG_STORE=s3://plain/first
ok "a history" seg-upload -e <paths
literal copy | sed 's,s3://vault,"$SECOND",' >copy.sh
SECOND=s3://locked/second
export SECOND
ok "the first time" sh copy.sh
is "$(grep -c shop out)" 4 "all"
ok "the list" seg-list
cp out list
ok "of the copy" seg-list -s "$SECOND"
same out list "the same"
log_clear
ok "again" sh copy.sh
is "$(grep -c shop out)" 0 "nothing"
is "$(requests GETDATA) $(requests PUTDATA)" "0 0" "nothing is transferred"
sqlite3 a.db "INSERT INTO t VALUES('new')"
ok "one more" sh -c 'seg-cut -d work shop a.db | seg-upload'
mkseg work new 1 5 1000 9 1 3 >path
ok "another namespace" seg-upload "$(cat path)"
log_clear
ok "again" sh copy.sh
is "$(cut -f 1 out | sed 's,/.*,,' | tr '\n' ' ')" "new shop  " "what is missing alone"
is "$(requests GETDATA) $(requests PUTDATA)" "2 2" "is transferred"
ok "the list" seg-list
cp out list
ok "of the copy" seg-list -s "$SECOND"
same out list "the same"
absent "$(echo copy/*/*.seg)"
# From plain to compressed
sed 's/seg-upload -m/seg-upload -m -z/' copy.sh >z.sh
ok "compressed" env SECOND=s3://locked/third sh z.sh
is "$(grep -c . out)" 6 "all"
is "$(s3_ls "locked/third" | grep -c '\.zst ')" 6 "as such"
ok "again" env SECOND=s3://locked/third sh z.sh
is "$(grep -c . out)" 0 "nothing"
ok "restored" sh -c 'seg-list -s s3://locked/third shop | seg-plan |
	seg-fetch -s s3://locked/third -d z | seg-restore third.db'
image a.db want.db
same third.db want.db "the same"
# Retentions of their own
ok "the copy is pruned" sh -c 'seg-list -s s3://plain/first shop | head -n 1 |
	cut -f 1 | seg-rm -F -e -s "$SECOND" --unless-retained'
ok "again" sh copy.sh
is "$(grep -c . out)" 0 "nothing"
env SEG_STORE=s3://nowhere sh copy.sh >out 2>err
is $? 1 "a list that fails" || cat err

# --- encryption, storage classes

SEG_STORE=s3://plain/kept
ok "--sse aws:kms" seg-upload --sse aws:kms --sse-key testkey-1 --storage-class STANDARD "$one"
for part in segments indexes; do
	object=$(s3_ls plain/kept/$ns/shop/$part | sed 's/ [0-9]*$//')
	is "$(head_of "plain/$object" | grep -c 'aws-kms-key-id: testkey-1')" 1 "$part"
done
claim=$(s3_ls plain/kept/ | sed -n 's/ [0-9]*$//; /claims/p')
is "$(head_of "plain/$claim" | grep -c 'aws-kms-key-id: testkey-1')" 1 "and claims"
ok "it is read" sh -c 'seg-list shop | seg-fetch -d sse'
same "sse/${one#work/}" "$one" "the same"
ok "of the other endpoint" env AWS_REGION=eu-west-1 \
	seg-upload -F --sse aws:kms --sse-key testkey-1 "$two"
must_fail 2 seg-upload -F --sse aws:kms --sse-key nokey "$(sed -n 3p paths | cut -f 1)"
err_like "sent with --sse, --sse-key" "a key that is none: said"
must_fail 2 seg-upload -F --sse aws:kms:dsse "$(sed -n 3p paths | cut -f 1)"
err_like "400 .*sent with --sse" "said"
# This one takes the header and does not encrypt
must_fail 2 seg-upload -F --sse AES256 "$(sed -n 3p paths | cut -f 1)"
err_like "took --sse AES256 and answers with no encryption" "said"
must_fail 2 seg-upload -F --storage-class GLACIER "$(sed -n 3p paths | cut -f 1)"
err_like "segments/.*400 .*sent with --storage-class$" "said"
is "$(seg-list shop | grep -c shop)" 2 "nothing of it is published"

# One message each, and nobody is kept waiting for what was refused.
SEG_STORE=s3://plain/refused
must_fail 2 seg-upload --sse AES256 "$one"
is "$(grep -c . err)" 1 "a claim that is refused: said once"
err_like "claims/.* took --sse AES256 and answers with no encryption" "why"
must_fail 2 seg-upload --storage-class GLACIER -e <paths
is "$(sed -n 's,^seg-upload: [^:]*/segments/\([^:]*\): 400 .*,\1,p' err | sort)" \
	"$(sed 's,.*/\(.*\)\.seg	.*,\1,' paths | sort)" "each segment: said"
is "$(grep -c . err)" 4 "once"
sqlite3 b.db 'CREATE TABLE t(y)'
ok "another writer's" sh -c \
	'seg-cut -d work3 shop b.db | seg-upload --busy-timeout 0'

done_testing
