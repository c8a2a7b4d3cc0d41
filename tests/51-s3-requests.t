#!/bin/sh
# What the commands ask of an S3 service: how many requests, how many bytes, and
# nothing that should not be known.
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR
. "$TOP/tests/s3.sh"

s3_start
s3_mb bkt
s3_proxy
export SEG_STORE=s3://bkt/pre

# asked DESC WANTED: the kinds of the requests since log_clear, counted
asked() {
	cut -d ' ' -f 1 log | LC_ALL=C sort | uniq -c |
		sed 's/^ *\([0-9]*\) \(.*\)/\2 \1/' | tr '\n' ' ' >asked
	is "$(sed 's/ $//' asked)" "$2" "$1"
	is "$(awk '$4 !~ /^2/ && $1 !~ /CLAIM/' log)" "" "$1: all went well"
	log_clear
}

# --- a backup, cut by cut

make_db shop.db 200
ok "cut" seg-cut -d work shop shop.db
cp out cut1
asked "the first cut: the newest key" "LIST 1"
ok "upload" seg-upload <cut1
# (four that are billed as PUT or LIST, and a look at the claim)
asked "an upload" "GETCLAIM 1 LIST 1 PUTCLAIM 1 PUTDATA 1 PUTINDEX 1"
ok "again" seg-upload -m <cut1
asked "an upload of what is there: compared" \
	"GETCLAIM 2 GETDATA 1 GETINDEX 1 HEADDATA 1 HEADINDEX 1 LIST 2 PUTCLAIM 1"
ok "nothing changed" seg-cut -d work shop shop.db
asked "nothing changed: what was pending is there" "LIST 1"
ok "nothing changed" seg-cut -d work shop shop.db
asked "nothing changed and nothing pending: nothing" ""
for i in 2 3; do
	sql shop.db "UPDATE t SET v = 'round $i' WHERE id = $i"
	ok "cut $i" seg-cut -d work shop shop.db
	cp out "cut$i"
	grep -o 'max-keys=[0-9]*' log >keys
	is "$(cat keys)" "max-keys=1" "a cut asks for one key"
	asked "a cut" "LIST 1"
done
ok "two at once" sh -c 'seg-upload -m <cut3'
asked "two at once" "GETCLAIM 2 LIST 1 PUTCLAIM 2 PUTDATA 2 PUTINDEX 2"

# --- cut again and again: four that are billed for each, and none while nothing
# --- changes

s3_mb other
export SEG_STORE=s3://other/every
# By a clock that is set here: what a reader does not publish in half a second is
# asked for, and offered again.
now=0
tick() { # for a round
	now=$((now + 60))
	printf '0 0 %d.%03d\n' $((now / 1000)) $((now % 1000)) 1<>clock
}
told_are() { [ "$(grep -c ^every/ told)" = "$1" ]; }
billed() { grep -vc '^\(GET\|HEAD\)' log; }
make_db every.db 20
ok "the first" sh -c 'seg-cut -d every every every.db | seg-upload -m'
log_clear
mkfifo pipe
tick
env "LD_PRELOAD=$SEGTOOLS_BUILD/preload/clock.so" "CLOCK_FILE=$T/clock" \
	"ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0" \
	setpriv --pdeathsig KILL seg-cut --every 50ms -d every every every.db \
	>pipe 2>cut.said &
cutter=$!
setpriv --pdeathsig KILL seg-upload -m <pipe >told 2>upload.said &
uploader=$!
ok "what is there is asked for" await test -s log
asked "once" "LIST 1"
i=0
while [ $i -lt 30 ]; do
	sql every.db "UPDATE t SET v = 'cut $i' WHERE id = 1 + $i % 20"
	i=$((i + 1))
	tick
	await told_are $i || break
done
is $i 30 "30 cuts"
note "$(billed) requests for 30 cuts"
is "$(($(billed) <= 4 * 30))" 1 "four billed requests a cut at most"
log_clear
while [ $now -lt 4000 ]; do
	tick
	sleep 0.05
done
is "$(cat log)" "" "nothing while nothing changes"
kill $cutter
ok "one ends well" wait $cutter
ok "and the other" wait $uploader
is "$(cat log cut.said upload.said)" "" "with nothing more to ask or to say"

# --- data is read once, and verified on its way

export SEG_STORE=s3://other/once
mkseg once once 1 300 1 300 1 300 1 1 >small
mkseg once large 1 5000 1 5000 1 5000 1 1 >large.file
once() { # WHAT TIMES PATH ARG...: and its header
	what=$1 times=$2 path=$3
	shift 3
	ok "$what" fs FS_READS="$T/reads" "$@" "$path"
	is "$(reads "$(basename "$path")")" \
		"$(($(size "$path") * times + 60))" "$what: read $times times"
}
once "a small one" 1 "$(cat small)" seg-upload
once "compared" 1 "$(cat small)" seg-upload
once "compressed" 1 "$(cat small)" seg-upload -z -s s3://other/oncez
# (This gateway confirms no checksum: so its hash is signed over plain HTTP.)
once "too large to be kept when it has been hashed" 2 "$(cat large.file)" seg-upload
export AWS_REQUEST_CHECKSUM_CALCULATION=when_required
once "without a hash" 1 "$(cat large.file)" seg-upload -s s3://other/oncew
once "compressed" 1 "$(cat large.file)" seg-upload -z -s s3://other/oncewz
unset AWS_REQUEST_CHECKSUM_CALCULATION
log_clear

refused() { # WHAT MESSAGE PATH ARG...
	what=$1 message=$2 path=$3
	shift 3
	must_fail 1 "$@" "$path"
	err_like "$message" "$what"
	is "$(s3_ls other/bad/ | grep -v /claims/)" "" "$what: nothing is there"
	is "$(awk '$4 ~ /^2/ && $1 ~ /DATA|MPDONE/' log)" "" "$what: nothing was"
	log_clear
}
# An index of more pages than the data has: that is seen behind the last byte.
small=$(cat small)
cp "${small%seg}idx" right
reindex right "${small%seg}idx" add 301
refused "a page more" "has page 301, which the data has not" "$small" \
	seg-upload -s s3://other/bad
export AWS_REQUEST_CHECKSUM_CALCULATION=when_required
refused "a page more, without a hash" "has page 301" "$small" \
	seg-upload -s s3://other/bad
unset AWS_REQUEST_CHECKSUM_CALCULATION
cp right "${small%seg}idx"
bad() { # WHAT PATH ARG...
	printf '\377' | dd of="$2" bs=1 seek="$at" conv=notrunc 2>/dev/null
	what=$1 path=$2
	shift 2
	refused "$what" "$(basename "$path"): its checksum is wrong" "$path" "$@"
}
for at in 600000 1233600; do
	bad "byte $at" "$(cat small)" seg-upload -s s3://other/bad
	bad "byte $at, compressed" "$(cat small)" seg-upload -z -s s3://other/bad
done
export AWS_REQUEST_CHECKSUM_CALCULATION=when_required
for at in 300 10000000 $(($(size "$(cat large.file)") - 50)); do
	bad "byte $at of many" "$(cat large.file)" seg-upload -s s3://other/bad
done
unset AWS_REQUEST_CHECKSUM_CALCULATION
# In parts: read to be hashed, then to be sent
mkseg parts parts 1 17000 1 17000 1 17000 1 1 >parts.file
parts=$(cat parts.file)
once "in parts" 2 "$parts" seg-upload
log_clear
for at in 3000 $(($(size "$parts") - 50)); do
	bad "byte $at of parts" "$parts" seg-upload -s s3://other/bad
	is "$(s3_uploads other)" 0 "byte $at: no upload is open"
done
# In parts, of which one cannot be read
mkseg eio parts 1 17000 1 17000 1 17000 1 1 >parts.file
must_fail 3 fs FS_FAIL="pread@.seg\$#70=EIO" seg-upload -s s3://other/eio \
	"$(cat parts.file)"
err_like "seg: Input/output error" "what cannot be read"
is "$(s3_uploads other)" 0 "no upload is open"
log_clear
export SEG_STORE=s3://bkt/pre

# --- many segments of two namespaces

i=0
for n in one two; do
	e=0
	while [ $e -lt 300 ]; do
		e=$((e + 5)) i=$((i + 1))
		mkseg many $n $((e - 4)) $e $e 9 1 5
	done
	echo
done >many.files
ok "upload" seg-upload <many.files
cp out names
asked "60 and 60 segments" \
	"GETCLAIM 120 LIST 2 PUTCLAIM 120 PUTDATA 120 PUTINDEX 120"
ok "list" seg-list one two
cp out listing
asked "two listings" "LIST 2"
ok "plan and restore" sh -c 'seg-plan <listing | seg-fetch -d f >files'
asked "a restore of 120 segments" "GETDATA 120 GETINDEX 120"
ok "what is there" sh -c 'seg-plan <listing | seg-fetch -d f >files'
asked "what is there and whole" ""
ok "-i" seg-fetch -i -d i <listing
asked "indexes alone" "GETINDEX 120"
ok "rm" sh -c 'grep "^one/" listing | seg-rm -F -e'
awk '{ print $1 }' log | sort | uniq -c | sed 's/^ */# rm of 60: /'
is "$(grep -Ec '^GET(DATA|INDEX)' log)" 0 "rm reads no objects"
log_clear

# --- a listing of more than a thousand

e=0
while [ $e -lt 520 ]; do
	e=$((e + 1))
	mkseg wide wide $e $e $e 9 1 1
done >wide.files
echo >>wide.files
ok "upload" seg-upload <wide.files
asked "520 segments" "GETCLAIM 520 LIST 1 PUTCLAIM 520 PUTDATA 520 PUTINDEX 520"
ok "list" seg-list wide
is "$(grep -c . out)" 520 "520"
asked "1040 objects: a LIST a thousand" "LIST 2"
mkseg wide wide 521 521 9999 9 1 1 >one
ok "one more" seg-upload "$(cat one)"
asked "one more: one key" "GETCLAIM 1 LIST 1 PUTCLAIM 1 PUTDATA 1 PUTINDEX 1"

# --- many namespaces: they share pages

i=0
while [ $i -lt 260 ]; do
	i=$((i + 1))
	mkseg fleet "$(printf 't%04d' $i)" 1 1 $i 9 1 1
done >fleet.files
for n in t t-1 t.x 't!' 'a+b'; do
	mkseg fleet "$n" 1 1 7 9 1 1
	mkseg fleet "$n" 2 2 8 9 1 1
done >>fleet.files
ok "upload" seg-upload -e <fleet.files
log_clear
ok "all names" seg-list -N
cp out names
log_clear
ok "a list of all" seg-list
cp out all
objects=$((1042 + 120 + 520 + 20 + 6))
is "$(($(requests LIST) <= objects / 1000 + 8))" 1 \
	"shared pages: $(requests LIST) LISTs for $(grep -c . names) namespaces"
log_clear
while read -r n; do
	seg-list -- "$n"
done <names >single
same all single "the same as one by one, in the same order"
log_clear
seg-list -N | while read -r n; do echo "--add=$n"; done | xargs -d '\n' seg-sync -k fleet.db >/dev/null
note "$(requests LIST) LISTs for the first sync"
is "$(($(requests LIST) <= objects / 1000 + 8))" 1 "a first sync shares them"
log_clear
ok "a full sync" seg-sync -k fleet.db --full
is "$(($(requests LIST) <= objects / 1000 + 8))" 1 "so does a full one"
ok "list -k" seg-list -k fleet.db
same out all "and knows the same"
log_clear

# --- lazily: at most 1.1 times the bytes that the result is made of

# Of 20 versions of every page, in runs and scattered, the last ones.
{
	mkseg lazy lazy 1 1000 1 1000 1 1000 1 1
	s=1000
	for i in 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		mkseg lazy lazy $((s + 1)) $((s + 900)) $i 1000 $((1 + i % 3)) \
			900 1 $i
		s=$((s + 900))
	done
	mkseg lazy lazy $((s + 1)) $((s + 40)) 21 1000 7 40 19 21
	echo
} >lazy.files
ok "upload" seg-upload <lazy.files
cp out listing
log_clear
ok "fetch -l" seg-fetch -l -d l <listing
cp out lazily
ok "merge" sh -c 'seg-merge -d m <lazy.files >merged'
ok "is the merge" diff -r l m
frames=$(sed -n 1p lazily | cut -f 5)
all=$(sed '$d' listing | awk '{ n += $5 } END { print n }')
indexes=$(find lazy -name '*.idx' -printf '%s\n' | awk '{ n += $1 } END { print n }')
got=$(awk '/^GET/ { n += $6 } END { print n }' log)
note "$frames of $all frames; $indexes bytes of indexes; $got bytes fetched in" \
	"$(requests GETDATA) requests for data"
is "$((frames * 100 / all))" 5 "5 % of the frames are needed"
[ "$got" -le $(((frames * 4112 + indexes) * 110 / 100)) ]
is $? 0 "at most 1.10 times the bytes that are needed"
is "$(requests GETINDEX)" 21 "the indexes"
plain=$(requests GETDATA)
[ "$(requests GETDATA)" -lt 200 ]
is $? 0 "neighbours share requests"
log_clear

# --- compressed: one request more for each object, and its table; no frame of
# --- zstd's that is not needed

ok "compressed" seg-upload -z -s s3://bkt/zst <lazy.files
cp out zlisting
is "$(requests HEADDATA) $(requests PUTDATA)" "21 21" "each looked for as plain"
ok "listed" seg-list -s s3://bkt/zst
same out zlisting "as it was printed"
log_clear
ok "fetch -l" seg-fetch -s s3://bkt/zst -l -d zl <zlisting
ok "the same" diff -r l zl
cp log zlog
got=$(awk '/^GET/ { n += $6 } END { print n }' zlog)
is "$(requests GETINDEX) $(requests HEADDATA)" "21 0" "sizes are known"
[ "$(requests GETDATA)" -le $((plain + 21)) ]
is $? 0 "$(requests GETDATA) requests for data; plain: $plain"
seg-dump zl/lazy/*.seg >dumped
sed '$d' zlisting | cut -f 1-3 | while read -r n s e; do
	s3_get "bkt/zst/v2/clusters/default/namespaces/lazy/segments/${n#*/}.zst" \
		>z
	awk -v s="$s" -v e="$e" '$1 == "frame" && $6 >= s && $6 <= e {
		print $6 - s }' dumped | sort -n >positions
	perl -e 'local $/; open F, "<:raw", "z"; my $z = <F>;
		my $n = unpack "V", substr $z, -9, 4;
		my @e = unpack "(VVV)*", substr $z, -9 - 12 * $n, 12 * $n;
		# The first has the header.
		my ($at, $sum, %had) = (0, $e[0], 0 => 1);
		my @end = map { $at += $e[3 * $_ + 1] } 0 .. $n - 1;
		for my $p (split /\n/, <STDIN>) {
			my $i = 0;
			$i++ while $end[$i] <= 60 + 4112 * $p;
			for (; $i == 0 || $end[$i - 1] < 60 + 4112 * ($p + 1); $i++) {
				$sum += $e[3 * $i] unless $had{$i}++;
			}
		}
		print "$sum\n"' <positions
done >needed
needed=$(awk '{ n += $1 } END { print n }' needed)
note "$got bytes fetched; $needed of frames and $indexes of indexes are needed"
[ "$got" -le $(((needed + indexes) * 130 / 100)) ]
is $? 0 "at most 1.30 times the bytes of the frames that are needed"
log_clear
ok "of names alone" sh -c "cut -f 1 zlisting |
	seg-fetch -s s3://bkt/zst -l -d zl2"
is "$(requests HEADDATA)" 21 "sizes are asked for"
sed 's/[0-9]\+$/99999999/' zlisting >lies
ok "of BYTES that lie" seg-fetch -s s3://bkt/zst -l -d zl3 <lies
ok "the same" diff -r zl2 zl3
log_clear
ok "fetched whole" seg-fetch -s s3://bkt/zst -d zw <zlisting
asked "one request each" "GETDATA 21 GETINDEX 21"
ok "verified" seg-verify -s s3://bkt/zst <zlisting
is "$(requests GETDATA) $(grep -c '^GETDATA .* 404' log)" "42 21" \
	"in both forms, of which one is not there"
log_clear
ok "and restored" seg-verify --restore -s s3://bkt/zst <zlisting
is "$(requests HEADDATA) $(grep -c '^GETDATA .* 404' log)" "0 21" \
	"what was found is not looked for again"
log_clear
ok "removed" sh -c 'seg-rm -F -s s3://bkt/zst <zlisting'
is "$(s3_ls bkt/zst/ | grep -v /claims/)" "" "nothing is left"
log_clear

# --- what was traced, said and given to other programs

secrets() {
	grep -lF -e "$s3_secret" -e "$(printf '%s' "$s3_secret" | s3_encode)" \
		-e "$token" -e "$(printf '%s' "$token" | s3_encode)" "$@"
	grep -liE -e 'Signature=[0-9a-f]' -e 'security-token: .{20}' "$@"
}
session=$(s3_session)
token=${session##* }
printf '%s\n' "Signature=0" >x
is "$(secrets x)" x "(this test finds what it looks for)"
sql shop.db "UPDATE t SET v = 'traced' WHERE id = 9"
export SEG_TRACE=1
traced() { # NAME CMD...
	trace=$1
	shift
	run env AWS_ACCESS_KEY_ID="${session%% *}" \
		AWS_SECRET_ACCESS_KEY="$(echo "$session" | cut -d ' ' -f 2)" \
		AWS_SESSION_TOKEN="$token" "$@"
	cat out err >"trace.$trace.session"
	run "$@"
	cat out err >"trace.$trace"
}
traced cut seg-cut -v -d work shop shop.db
cp out cut4
traced upload seg-upload -v "$(sed -n 1p cut4 | cut -f 1)"
traced list seg-list -v
traced list1 seg-list -v shop
name=$(grep ^shop out | sed -n '1s/\t.*//p')
traced fetch seg-fetch -v -d t "$name"
traced lazy seg-fetch -v -l -d t2 "$name"
traced verify seg-verify -v "$name"
traced sync seg-sync -v -k c.db --add shop
traced rm seg-rm -v "$name"
traced rmf seg-rm -v -F "$name"
export AWS_SECRET_ACCESS_KEY=wrong
run seg-list -v
cat out err >trace.wrong
AWS_SECRET_ACCESS_KEY=$s3_secret
rules "* 403 -"
traced refused seg-list -v
rules "* 503 -"
traced retried seg-list -v --retry-for 1
rules ""
grep -c . trace.* | sed 's/^/# /'
for t in cut upload list list1 fetch.session lazy.session verify sync rmf refused retried; do
	ok "$t is traced" grep -Eq '(GET|PUT|DELETE|POST) .*[0-9]{3}' trace.$t
done
secrets trace.* >told
is "$(cat told)" "" "no secret, token or signature is told"
unset SEG_TRACE
traced plain seg-list -v
ok "no trace unasked" sh -c '! grep -E "(GET|PUT) .*/bkt" trace.plain'

# While a command runs: argv.
rules "LIST stall -"
seg-list one >/dev/null 2>&1 &
pid=$!
await grep -q seg-list "/proc/$pid/cmdline"
tr '\0' '\n' <"/proc/$pid/cmdline" >argv
kill $pid
is "$(cat argv)" "seg-list
one" "argv holds what was given"
rules ""
done_testing
