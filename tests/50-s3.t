#!/bin/sh
# The store in a bucket: every command prints there what it prints on a
# directory with the same objects, and both hold the same bytes.
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR
. "$TOP/tests/s3.sh"

s3_start

# --- a bucket that is not there

make_db shop.db 300
ok "a cut" seg-cut -d none shop shop.db
cp out cuts
name=$(sed -n '1s,^none/\(.*\)\.seg	.*,\1,p' cuts)
for c in "seg-list" "seg-list shop" "seg-list -N" "seg-list -O" \
	"seg-fetch $name" "seg-fetch -i $name" "seg-fetch -l $name" \
	"seg-rm $name" "seg-rm -F $name" "seg-verify $name" "seg-upload" \
	"seg-upload -m" "seg-upload -n" "seg-sync -k c.db --add shop" \
	"seg-cut shop shop.db"; do
	# shellcheck disable=SC2086
	must_fail 2 env SEG_STORE=s3://none/p $c <cuts
	empty out "$c: nothing on stdout"
	err_like "^${c%% *}: .*none" "$c: names it"
	is "$(grep -c . err)" 1 "$c: once"
done
for c in seg-fetch seg-rm seg-verify; do
	must_fail 2 sh -c "printf '%s\n\n' '$name' | $c -s s3://none"
	empty out "$c of a stream: nothing on stdout"
done
i=0
while [ $i -lt 300 ]; do
	i=$((i + 1))
	printf 'ns/%020d-%020d-%020d\n' $((1000000 - i)) 1 1
done | sed 's,/0,/1,' >records
for c in seg-fetch "seg-rm -F" seg-verify; do
	must_fail 2 sh -c "{ cat records; echo; cat records; echo; } |
		$c -s s3://none"
	empty out "$c of many: nothing on stdout"
	is "$(grep -c . err)" 1 "$c: said once"
done
for store in s3:// s3:/// s3:///x s3://a s3://UPPER/x s3://a/../b \
	s3://bkt/x/../y s3://bkt/. s3://b_kt:80 "s3://b kt" s3://b@kt; do
	must_fail 2 seg-list -s "$store"
	empty out "nothing on stdout"
done
is "$(s3_buckets)" "" "no bucket was made unasked"

# --- --create

ok "--create" sh -c 'echo | seg-upload -s s3://bkt/p --create'
is "$(s3_buckets)" "bkt" "makes the bucket"
is "$(s3_ls bkt)" "" "and nothing in it"
ok "--create of what is there" sh -c 'echo | seg-upload -s s3://bkt --create'
must_fail 1 seg-list -s s3://bkt/p
is "$(cat out)" "" "a store without namespaces: an empty set"
must_fail 1 seg-list -s s3://bkt/p shop
ok "no names" seg-list -s s3://bkt/p -N
empty out "none"

# --- the pipeline

SEG_DIR=$T/store
SEG_S3=s3://bkt/pre/fix
mkdir store
for i in 1 2 3; do
	sql shop.db "UPDATE t SET v = 'round $i' WHERE id % 50 = $i" >/dev/null
	ok "cut $i" seg-cut -d work shop shop.db
	cp out cuts
	rm -rf keep && cp -R work keep
	both "upload $i" seg-upload <cuts
	is "$(grep -c . out)" 1 "one name"
done
same_objects "after uploads"
both "again" seg-upload <cuts
both "list" seg-list shop
is "$(grep -c . out)" 3 "three segments"
cp out listing
both "list all" seg-list
both "list -J" seg-list -J
both "list -N" seg-list -N
is "$(cat out)" shop "one namespace"
both "list of another" seg-list sho shop
both "list -O" seg-list -O
ok "plan" sh -c 'seg-plan <listing >plan'
both "fetch" seg-fetch -d a <plan
ok "of the bucket" seg-fetch -s "$SEG_S3" -d fetched <plan
cp out files
ok "the files" diff -r --exclude='cut.*' keep/shop fetched/shop
image shop.db want.db
ok "restore" seg-restore got.db <files
same got.db want.db "byte for byte"
ok "fetch -i" seg-fetch -s "$SEG_S3" -i -d i <plan
is "$(find i -type f | wc -l)" 3 "indexes alone"
both "fetch -l" seg-fetch -l -d lazy <plan
rm -rf lazy2
ok "of the bucket" seg-fetch -s "$SEG_S3" -l -d lazy2 <plan
ok "merge" seg-merge -d merged <files
cp out merge
ok "lazily the same" diff -r merged lazy2
both "upload a merge" seg-upload <merge
same_objects "after a merge"
ok "-x" sh -c "seg-list -s $SEG_S3 shop | seg-plan -x -o 0s >obsolete"
is "$(grep -c . obsolete)" 3 "three are obsolete"
both "rm -n" seg-rm -n <obsolete
both "verify" seg-verify <listing
both "rm of the only cover" seg-rm <merge
both "rm" seg-rm <obsolete
is "$(grep -c . out)" 3 "three are gone"
both "rm again" seg-rm <obsolete
same_objects "after rm"
both "fetch of what has gone" seg-fetch -d gone <obsolete
is "$(cat out)" "!" "a failed set"
ok "verify what is left" sh -c "seg-list -s $SEG_S3 | seg-verify -s $SEG_S3"
sql shop.db "UPDATE t SET v = 'the last' WHERE id = 9"
ok "a cut with a store" seg-cut -s "$SEG_S3" -d work shop shop.db
cp out cuts
ok "to the directory" seg-upload -s "$SEG_DIR" <cuts
ok "-m" seg-upload -s "$SEG_S3" -m <cuts
# shellcheck disable=SC2046
absent $(sed -n 's/\(.*\)\.seg	.*/\1.seg \1.idx/p' cuts)
same_objects "after -m"
ok "nothing to cut" seg-cut -s "$SEG_S3" -d work shop shop.db
is "$(cat out)" "" "an empty set"
sql shop.db "DELETE FROM t WHERE id % 2 = 0; VACUUM"
ok "the README's lines" sh -c "export SEG_STORE=$SEG_S3
	seg-cut -d work shop shop.db | seg-upload -m &&
	seg-list shop | seg-plan | seg-fetch -d r | seg-restore r.db"
image shop.db want.db
same r.db want.db "restore what was backed up"

# --- what listings hold besides: orphans, others' objects

b=bkt/pre/fix/v2/clusters/default/namespaces/shop
k2=18446744073709541615-00000000000000010000-00000000000000001000
head -c 4176 /dev/zero >zeros
cat >strays <<END
$b/segments/$k2
$b/segments/readme
$b/indexes/.keep
$b/indexes/$k2.old
$b/other/$k2
bkt/pre/fix/v2/clusters/default/namespaces/stray
bkt/pre/fix2/v2/clusters/default/namespaces/x/indexes/$k2
END
while read -r object; do s3_put "$object" zeros; done <strays
ok "list" seg-list -s "$SEG_S3"
cp out listing
is "$(grep -c . listing)" "$(s3_ls "$b/indexes/" | grep -Ec 'indexes/[0-9-]{62} ')" \
	"what is not a segment is skipped"
ok "list -v" seg-list -v -s "$SEG_S3" shop
err_like "indexes/.keep" "and said under -v"
ok "-O" seg-list -O -s "$SEG_S3"
is "$(grep -c . out)" 0 "an orphan younger than a day may be an upload"
direct=$AWS_ENDPOINT_URL_S3
s3_proxy
rules "LIST aged -"
ok "-O of what is years old" seg-list -O -s "$SEG_S3" shop
is "$(grep -v claim- out | cut -f 1,6)" "shop/$k2	4176" "the orphan"
is "$(grep -c claim- out)" 2 "and claims of then"
cp out orphans
rules ""
AWS_ENDPOINT_URL_S3=$direct
ok "rm of orphans" seg-rm -n -s "$SEG_S3" <orphans
ok "verify" seg-verify -s "$SEG_S3" <listing
ok "verify --sample" seg-verify --sample 50 -s "$SEG_S3" <listing

while read -r object; do s3_rm "$object"; done <strays

# --- the catalogue

ok "sync" seg-sync -k cat.db -s "$SEG_S3" --add shop
ok "list -k" seg-list -k cat.db
same out listing "seg-list -k prints what seg-list does"
ok "sync --full" seg-sync -k cat.db -s "$SEG_S3" --full
ok "list -k" seg-list -k cat.db
same out listing "after a full one"

# --- many: 1,600 segments in one namespace, so that it takes four pages

SEG_S3=s3://bkt/many
i=0
while [ $i -lt 1600 ]; do
	i=$((i + 1))
	mkseg many many $i $i $i 9 1 1
done >many.files
echo >>many.files
# little COMMAND: took less than 64 MiB
little() {
	[ -n "${SANITIZED:-}" ] || [ "$(cut -d ' ' -f 3 used)" -lt 65536 ] ||
		fail "$1: memory" || note "$(cat used)" >&2
}
ok "upload of 1600" rusage used seg-upload -s "$SEG_S3" <many.files
cp out names
little seg-upload
ok "list of 1600" rusage used seg-list -s "$SEG_S3" many
little seg-list
same out names "all of them, in order"
cp out listing
ok "list -N" seg-list -s "$SEG_S3" -N
is "$(cat out)" many "one namespace"
ok "verify 1600" rusage used seg-verify -s "$SEG_S3" <listing
little seg-verify
same out listing "all are good"

ok "the unit test of stores" env SEG_TEST_STORE=s3://bkt/unit \
	"$SEGTOOLS_BUILD/unit/store"
grep '^not ok' out | sed 's/^/# /' >&2

# --- random histories, as 82-history.t has more of

export SEG_STORE=s3://bkt/history
count=40
mkdir db states
for r in 0 1 2 3; do
	history change db $count $r >"states/$r"
	seq -f 'h%.0f' 0 $((count - 1)) | xargs -P 2 -I NAME \
		seg-cut -q -d hist NAME db/NAME.db >cuts
	date +%s%3N >"time.$r"
	sleep 0.01
	[ $r = 1 ] || ok "round $r: uploaded" seg-upload -m <cuts
done
# restored FILES ROUND DESC
restored() {
	rm -rf restored && mkdir restored
	awk '/^$/ { print line; line = ""; next }
		{
			split($0, column, "\t")
			n = split(column[1], part, "/")
			if (line == "")
				line = "restored/" part[n - 1]
			line = line " " column[1]
		}' "$1" | xargs -P 2 -L 1 seg-restore -q 2>restore.err
	run history check restored <"states/$2"
	is "$(cat out)" "$count the same" "$3" || show_file restore.err restore
}
all_rounds() {
	for r in 0 1 2 3; do
		seg-list | seg-plan -t "$(cat "time.$r")" |
			seg-fetch -q -d hist2 >files
		restored files $r "$1: round $r"
	done
}
all_rounds "as cut"
for strategy in log levels:2 all; do
	seg-list | seg-plan -c $strategy | seg-fetch -q -d hist3 |
		seg-merge >merges
	ok "merges by $strategy" seg-upload -m <merges
done
all_rounds "merged"
ok "-x" sh -c 'seg-list | seg-plan -x -o 0s >obsolete; seg-rm <obsolete'
seg-list | seg-plan | seg-fetch -l -q -d hist4 >files
restored files 3 "after pruning"
ok "what is left is good" sh -c 'seg-list | seg-verify'
no_leftovers .
done_testing
