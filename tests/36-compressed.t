#!/bin/sh
# Compressed objects in a directory store: put, read by whatever reads data, mixed
# with plain ones, in both forms at once, damaged, hostile.
. "$(dirname "$0")/lib.sh"

SEG_STORE=$T/store
export SEG_STORE
mkdir store
data=store/v2/clusters/default/namespaces/shop/segments

# A history of a few cuts; the first one has many frames of zstd's.
make_db db 3000
: >cuts
for i in 1 2 3 4; do
	ok "cut" env -u SEG_STORE seg-cut -d work shop db
	set_of out >>cuts
	sql db "UPDATE t SET v = 'round $i' WHERE id % 500 = $i"
done
echo >>cuts

# --- put

cp -r store empty
ok "compressed" seg-upload -z <cuts
cp out up
ok "listed" seg-list shop
cp out names
same up names "as it is printed by seg-upload"
is "$(cut -f 5 names | sort -u | tr -d '\n')" "-" "nobody counts pages"
is "$(set_of names | cut -f 6)" \
	"$(for n in $(set_of names | cut -f 1); do size "$data/${n#*/}.zst"; done)" \
	"BYTES are those that are stored"
is "$(find store -path '*/segments/*' ! -name '*.zst')" "" "nothing is plain"
for n in $(set_of names | cut -f 1); do
	zstd -q -dc <"$data/${n#*/}.zst" | cmp - "work/$n.seg"
done >differ 2>&1
empty differ "zstd -d gives the plain objects"
for level in 1 19; do
	rm -rf other && cp -r empty other
	ok "level $level" seg-upload -s other -z$level <cuts
	rm -rf got
	ok "back" sh -c 'seg-list -s other | seg-fetch -s other -d got'
	ok "the same files" diff -r -x cut.memory -x .segtools-writer work got
done
[ "$(du -sb other | cut -f 1)" -lt "$(du -sb work | cut -f 1)" ]
is $? 0 "which takes less"
for bad in 0 20 x -1 3x ''; do
	must_fail 2 seg-upload "--compress=$bad" <cuts
done
err_like 'not a number from 1 to 19' "a level is 1 to 19"
rm -rf other && cp -r empty other
ok "--compress=7" sh -c 'seg-upload -s other --compress=7 <cuts'
rm -rf other && cp -r empty other
ok "moved" sh -c 'cp -r work moved && sed "s/^work/moved/" cuts |
	seg-upload -m --compress -s other'
same out names "the default level is 3"
is "$(find moved -name '*.seg' -o -name '*.idx')" "" "the files are gone"
no_leftovers other

# --- looked at by hand
z=$(find "$data" -name '*.zst' | LC_ALL=C sort | head -n 1)
zstd -q -dc <"$z" >plain.seg
for o in -q -H; do
	ok "seg-dump $o of the plain one" seg-dump $o plain.seg
	sed 1d out >want
	ok "of the compressed one" seg-dump $o "$z"
	is "$(head -n 1 out)" "$(printf 'segment\t%s' "$z")" "has its name"
	sed 1d out >shown
	same shown want "and says the same"
done
head -c $(($(size "$z") / 2)) "$z" >cut.zst
must_fail 1 seg-dump cut.zst
err_like '^seg-dump: cut.zst: ' "one that is damaged: said"
empty "$T/out" "nothing of it is shown"
rm -f shown want

# --- read

cp -r store before
rm -rf got
ok "fetch" seg-fetch -d got <names
cp out fetched
ok "the same files" diff -r -x cut.memory -x .segtools-writer work got
is "$(cut -f 2- fetched)" "$(cut -f 2- cuts)" "whose records have PAGES again"
ok "verify" seg-verify <names
same out names "verify prints what is listed"
ok "verify --restore" seg-verify --restore <names
ok "a plan" seg-plan <names
cp out plan
ok "lazily" seg-fetch -l -d lazy <plan
cut -f 1 plan >bare
ok "of names alone" seg-fetch -l -d lazy2 <bare
sed 's/[0-9]\+$/9999999/' plan >lies
ok "of records whose BYTES lie" seg-fetch -l -d lazy3 <lies
ok "or are too few" sh -c "sed 's/[0-9][0-9]*\$/100/' plan | seg-fetch -l -d lazy4"
ok "merged" sh -c 'sed "s/\t.*/.seg/; s/^./work\/&/" plan | seg-merge -d merged'
for l in lazy lazy2 lazy3 lazy4; do
	ok "the same merge" diff -r merged $l
done
ok "query" seg-query "SELECT count(*), sum(length(v)) FROM t" <plan
cp out answer
seg-restore now.db got/shop/*.seg >/dev/null
is "$(cat answer)" "$(sqlite3 -separator '	' now.db \
	'SELECT count(*), sum(length(v)) FROM t')" "tells the same"
ok "restored" sh -c 'seg-list shop | seg-plan | seg-fetch -d r | seg-restore r.db'
same r.db now.db "the database"
for bytes in 1 5000 70000 200000; do
	n=$(sed -n '1s/\t.*//p' names)
	rm -f "got/$n.seg"
	head -c $bytes "work/$n.seg" >"got/shop/.segtmp-${n#*/}.seg"
	ok "a partial file of $bytes bytes" seg-fetch -d got "$n"
	same "work/$n.seg" "got/$n.seg" "is resumed"
	rm -f "got/$n.seg"
	head -c $bytes /dev/urandom >"got/shop/.segtmp-${n#*/}.seg"
	ok "of other content" seg-fetch -d got "$n"
	same "work/$n.seg" "got/$n.seg" "is fetched from the start"
done
ok "reading changes nothing" diff -r before store

# --- in either form: done, and nothing changes

ok "plain over compressed" seg-upload <cuts
same out names "what is there is told"
ok "compressed over compressed" seg-upload -z19 <cuts
ok "by force" seg-upload -F <cuts
same out names "what is there is told"
ok "moved over it" sh -c 'cp -r work moved2 && sed "s/^work/moved2/" cuts |
	seg-upload -m'
ok "nothing has changed" diff -r before store
rm -rf other && cp -r empty other
ok "plain" seg-upload -s other <cuts
cp out plain.names
cp -r other plain
ok "compressed over plain" seg-upload -s other -z <cuts
same out plain.names "what is there is told"
ok "by force" seg-upload -s other -z -F <cuts
ok "nothing has changed" diff -r plain other

# --- a store copied, compressed on the way; and mixed

ok "a copy" sh -c 'seg-list -s plain | seg-fetch -s plain -d cp |
	seg-upload -m -z --create -s copy'
same out names "compressed"
ok "whole" sh -c 'seg-list -s copy | seg-verify -s copy'
ok "and back" sh -c 'seg-list -s copy | seg-fetch -s copy -d cp |
	seg-upload -m --create -s back'
same out plain.names "plain"
ok "the same objects" diff -r plain/v2/clusters/default/namespaces \
	back/v2/clusters/default/namespaces
mkdir mixed
ok "half of it plain" sh -c '{ sed -n 1,2p cuts; echo; } | seg-upload -s mixed'
ok "the rest not" sh -c 'seg-upload -s mixed -z <cuts'
ok "a mixed store" sh -c 'seg-list -s mixed | tee mixed.names | seg-verify -s mixed'
same out mixed.names "is whole"
is "$(set_of mixed.names | cut -f 5 | sed 's/[0-9]\+/n/' | tr '\n' ' ')" \
	"n n - - " "plain ones are counted"
rm -rf got
ok "is fetched" seg-fetch -s mixed -d got <mixed.names
ok "whole" diff -r -x cut.memory -x .segtools-writer work got
ok "lazily" sh -c 'seg-plan <mixed.names | seg-fetch -s mixed -l -d lazy5'
ok "the same" diff -r merged lazy5
ok "a merge" sh -c 'seg-list -s mixed | seg-plan -c all | seg-fetch -s mixed -d all |
	seg-merge | seg-upload -z -s mixed'
ok "what it covers goes" sh -c 'seg-list -s mixed | seg-plan -x -o 0s |
	seg-rm -s mixed'
is "$(grep -c . out)" 4 "of either form"
is "$(find mixed -path '*/segments/*' | wc -l)" 1 "the merge is left"
ok "a catalogue" seg-sync -s copy -k c.db --add shop
ok "lists" seg-list -k c.db
same out names "the same"

# --- in both forms at once

cp -r plain both
k=$(set_of names | sed -n '2s/\t.*//;2s/.*\///p')
both=both/v2/clusters/default/namespaces/shop/segments
cp "$data/$k.zst" "$both/$k.zst"
ok "both" seg-list -s both
same out plain.names "the plain one is counted"
ok "are verified" seg-verify -s both <plain.names
same out plain.names "and good"
zseek 1 <"$(find work -name "*.seg" | sort | head -n 1)" >"$both/$k.zst"
must_fail 1 seg-verify -s both <plain.names
err_like "segments/$k.zst: " "another segment in the place of one"
perl -e 'local $/; $_ = <STDIN>; substr($_, -8, 1) ^= "x"; print' \
	<"work/shop/$k.seg" >changed
# (Of what gzip makes the last but four bytes are the CRC-32.)
{ head -c -4 changed; head -c -4 changed | gzip -1 | tail -c 8 | head -c 4; } |
	zseek 1 >"$both/$k.zst"
must_fail 1 seg-verify -s both <plain.names
err_like "segments/$k.zst: differs" "a page that differs, all checksums right"
rm -rf got
ok "the plain one is read" seg-fetch -s both -d got <plain.names
ok "whole" diff -r -x cut.memory -x .segtools-writer work got
must_fail 1 sh -c "seg-upload -z -s both <cuts >/dev/null; rm '$both/$k'
	seg-upload -s both <cuts"
err_like "segments/$k.zst: exists with other content" "other content is refused"
cp "plain/${both#both/}/$k" "$both/$k"
ok "both go" seg-rm -s both -F "shop/$k"
is "$(find both -name "$k*")" "" "together"

# --- what killed runs leave

cp -r empty orphans
rm -rf "orphans/${data#store/}" && mkdir -p "orphans/${data#store/}"
cp "$data"/* "orphans/${data#store/}"
must_fail 1 seg-list -s orphans shop
ok "not yet" seg-list -s orphans -O
is "$(grep -c . out)" 0 "what is young may be an upload"
find orphans -type f -exec touch -d '2 days ago' {} +
ok "orphans" seg-list -s orphans -O
same out names "all of them"
ok "are removed" sh -c 'seg-list -s orphans -O | seg-rm -s orphans'
is "$(find orphans -name '*.zst')" "" "gone"
n=0 step=5 done=''
[ -z "${SOAK:-}" ] || step=1
while [ -z "$done" ] && [ $n -lt 400 ]; do
	n=$((n + step))
	rm -rf kill && cp -r empty kill
	(fs FS_KILL=$n seg-upload -z -s kill <cuts >/dev/null 2>&1) && done=1
	case $((n % 3)) in
	0) seg-upload -s kill <cuts >again 2>&1 ;;
	1) seg-upload -z -s kill <cuts >again 2>&1 ;;
	2) seg-upload -z5 -s kill <cuts >again 2>&1 ;;
	esac || echo "killed at $n: $(cat again)"
	seg-list -s kill | seg-verify -s kill >/dev/null || echo "not whole at $n"
	find kill -name '.segtmp-*'
done >kills 2>&1
is "$done" 1 "killed at calls up to the ${n}th"
empty kills "the next one goes on, in whatever form"

# One that has put its object, and the next one puts another beside it: that is
# read, and counts; the first one is spare, listed when it is old, and removed
# without the segment.
k1=$(set_of names | sed -n '1s/\t.*//;1s/.*\///p')
k2=$(set_of names | sed -n '2s/\t.*//;2s/.*\///p')
left=${data#store/}
rm -rf spare && cp -r empty spare
mkdir -p "spare/$left"
cp "$data/$k1.zst" "spare/$left"
ok "beside a compressed one" seg-upload -s spare <cuts
same out plain.names "plain"
ok "a catalogue" seg-sync -s spare -k spare.db --add shop
ok "listed" seg-list -s spare
same out plain.names "the plain one is"
ok "fetched" sh -c 'rm -rf got; seg-fetch -s spare -d got <plain.names'
ok "whole" diff -r -x cut.memory -x .segtools-writer work got
ok "verified" seg-verify -s spare <plain.names
ok "nothing is left of a run that may go on" seg-list -s spare -O
is "$(grep -c . out)" 0 "what is young"
must_fail 2 seg-rm -s spare -F "shop/$k1.zst" "shop/$k2.zstd"
find spare -path '*/segments/*' -exec touch -d '2 days ago' {} +
ok "what is left of it" seg-list -s spare -O
cp out left
is "$(cat left)" "$(printf 'shop/%s.zst\t1\t%s\t%s\t-\t%d' "$k1" \
	"$(sed -n '1p' plain.names | cut -f 3)" \
	"$(sed -n '1p' plain.names | cut -f 4)" "$(size "$data/$k1.zst")")" \
	"the compressed one"
ok "-J" seg-list -s spare -O -J
out_like "^.\"name\":\"shop/$k1.zst\",\"namespace\":\"shop\",\"start\":1,.*\"pages\":null" \
	"as JSON"
must_fail 1 seg-verify -s spare <left
err_like "not a record: shop/$k1.zst" "of seg-rm alone is it understood"
ok "what would go" seg-rm -s spare -n <left
same out left "is told"
ok "goes" seg-rm -s spare -k spare.db <left
same out left "is told"
ok "and nothing else" diff -r plain/v2/clusters/default/namespaces \
	spare/v2/clusters/default/namespaces
ok "the catalogue" seg-list -k spare.db
same out plain.names "has the segment still"
ok "again" seg-rm -s spare -v <left
err_like "shop/$k1.*gone already" "is gone"
cp "$data/$k1.zst" "spare/$left"
ok "all of it" seg-rm -s spare -F "shop/$k1.zst" "shop/$k1"
is "$(cut -f 1 out)" "shop/$k1" "is one segment"
is "$(find spare -name "$k1*")" "" "of which nothing is left"
rm -rf spare && cp -r store spare
must_fail 1 seg-rm -s spare -F "shop/$k1.zst"
err_like "shop/$k1.zst: refused: it is all the data there is" "its only data: refused"
ok "nothing has changed" diff -r store spare
# The other way round the one that is there is taken.
rm -rf spare && cp -r empty spare
mkdir -p "spare/$left"
cp "work/shop/$k1.seg" "spare/$left/$k1"
ok "compressed, beside a plain one" seg-upload -z -s spare <cuts
cp out up
is "$(sed 1d up)" "$(sed 1d names)" "the others are compressed"
is "$(head -n 1 up)" "$(head -n 1 plain.names)" "that one is not"
is "$(find spare -name "$k1*" | grep -c segments/)" 1 "of it there is one"
ok "fetched" sh -c 'rm -rf got; seg-list -s spare | seg-fetch -s spare -d got'
ok "whole" diff -r -x cut.memory -x .segtools-writer work got
rm -rf spare && cp -r empty spare
mkdir -p "spare/$left"
cp changed "spare/$left/$k1"
must_fail 1 seg-upload -z -s spare <cuts
err_like "segments/$k1: exists with other content" "one of other content: refused"
find spare -type f -exec touch -d '2 days ago' {} +
ok "it goes" sh -c 'seg-list -s spare -O | seg-rm -s spare'
is "$(find spare -name "$k1*")" "" "nothing is left of it"

# --- without a table, and what other programs write

rm -rf odd && cp -r store odd
odd=odd/${data#store/}
big=$(set_of names | sed -n '1s/\t.*//;1s/.*\///p')
odd() { # DESC
	rm -rf got lazy6
	ok "$1: fetched" seg-fetch -s odd -d got <bare
	ok "$1: whole" diff -r -x cut.memory -x .segtools-writer work got
	ok "$1: lazily" seg-fetch -s odd -l -d lazy6 <plan
	ok "$1: the same" diff -r merged lazy6
	ok "$1: verified" seg-verify -s odd <bare
	ok "$1: asked" seg-query -s odd "SELECT count(*), sum(length(v)) FROM t" \
		<plan
	same out answer "$1: answers"
}
zstd -q -19 --long=23 -c <"work/shop/$big.seg" >"$odd/$big.zst"
odd "no table"
zstd -q -c <"work/shop/$big.seg" >"$odd/$big.zst"
printf '\120\052\115\030\004\000\000\000abcd' >>"$odd/$big.zst"
odd "something skipped at the end"

# --- hostile ones, in bounded memory

# mutate CODE: the object with @e, its table's [size, content, sum], $frames,
# $count, $flags, $length, $tail changed
mutate() {
	perl -e 'local $/; my $z = <STDIN>;
		our $count = unpack "V", substr $z, -9, 4;
		our $frames = substr $z, 0, -17 - 12 * $count;
		our @e = map { [unpack "V3", substr $z,
			length($frames) + 8 + 12 * $_, 12] } 0 .. $count - 1;
		our ($flags, $length, $tail) = (0x80, undef, "");
		eval $ARGV[0];
		die $@ if $@;
		my $t = join "", map { pack "V3", @$_ } @e;
		print $frames, pack("VV", 0x184D2A5E, $length // length($t) + 9),
			$t, pack("VCV", $count, $flags, 0x8F92EAB1), $tail
		' "$1" <"$data/$big.zst" >"$odd/$big.zst"
}
small() { # CMD...: takes no memory to speak of
	run rusage used "$@"
	[ -n "${SANITIZED:-}" ] || [ "$(cut -d' ' -f3 used)" -lt 49152 ] || return
	return "$status"
}
# hostile DESC: all say so, and what it is of
hostile() {
	rm -rf got lazy6
	for c in "seg-fetch -d got" "seg-fetch -l -d lazy6" seg-verify \
		"seg-query SELECT*FROM(t)"; do
		# shellcheck disable=SC2086
		small $c -s odd <plan
		is "$status $(grep -c "$big" err)" "1 1" "$1: $c"
	done
	is "$(find got lazy6 -name "*$big*" 2>/dev/null)" "" "$1: nothing is left"
}
mutate '$count *= 2'
hostile "a table of twice as many frames"
mutate '$count = 0xffffffff'
hostile "of all that there can be"
mutate '$count--'
hostile "of one less"
mutate '$flags |= 4'
hostile "flags that nobody knows"
mutate '$length = 9'
hostile "a head that lies"
mutate '$e[0][0] += 9'
hostile "a frame that reaches into the next"
mutate '$e[0][0] += 9; $e[1][0] -= 9'
hostile "frames that overlap"
mutate '$e[-1][0] += 0x7fffffff'
hostile "one that lies outside"
mutate '$e[0][1]--; $e[1][1]++'
hostile "a length of contents that lies"
mutate '$e[0][1] = 20'
hostile "a first frame that is said to be too short"
mutate '$_->[2] ^= 1 for @e'
hostile "checksums that are wrong"
mutate '$tail = "tail"'
hostile "something else behind it"
mutate 'substr($frames, 9, 1) ^= "\1"'
hostile "a first frame that is damaged"
mutate '$frames = ""; @e = (); $count = 0'
hostile "a table of nothing"
head -c 2000 "$data/$big.zst" >"$odd/$big.zst"
hostile "cut short"
: >"$odd/$big.zst"
hostile "empty"
head -c 100000 /dev/urandom >"$odd/$big.zst"
hostile "anything"
perl -e 'print pack("VCC", 0xFD2FB528, 0, 17 << 3), "\0" x 100000' \
	>"$odd/$big.zst"
hostile "a window of 128 MiB"
# Zeros without end in place of the first frame, and behind the last.
head -c 67108864 /dev/zero | zstd -q -19 -c >bomb
cp bomb "$odd/$big.zst"
hostile "a bomb"
cat "work/shop/$big.seg" /dev/zero | head -c 67108864 |
	zstd -q -c >"$odd/$big.zst"
hostile "a bomb behind the segment"
perl -0777 -e 'open F, "<", "bomb"; my $b = <F>;
	print $b, pack("VV", 0x184D2A5E, 21),
		pack("V3", length $b, 65536, 0), pack("VCV", 1, 0x80, 0x8F92EAB1)' \
	>"$odd/$big.zst"
hostile "a bomb whose table denies it"
# --- threads: as many as -j allows and there are cores, whatever there is to do

i=0
while [ $i -lt 70 ]; do
	i=$((i + 1))
	mkseg pool "n$i" 1 2 1000 2 1 2
done | sed '/^$/d' >pool.set
echo >>pool.set
# pool THREADS JOBS [CMD...]: so many when a set is done and the next one awaited
pool() {
	threads=$1 jobs=$2
	shift 2
	rm -rf pooled pool.in
	mkdir pooled
	mkfifo pool.in
	: >out # what the one before has said is not waited for
	"$@" seg-upload -z -j "$jobs" -s pooled <pool.in >out 2>err &
	pool_pid=$!
	exec 3>pool.in
	cat pool.set >&3
	await grep -q '^$' out
	is "$(find "/proc/$pool_pid/task" -mindepth 1 -maxdepth 1 | wc -l)" \
		$((threads + 1)) "-j $jobs $*: $threads"
	# (The commands of a sanitizer have its memory, too.)
	kib=$(awk '/^VmHWM:/ { print $2 }' "/proc/$pool_pid/status")
	[ -n "${SANITIZED:-}" ] || [ "$kib" -le $((32768 + 1024 * threads)) ]
	is $? 0 "-j $jobs $*: $kib KiB"
	exec 3>&-
	wait $pool_pid
	is "$? $(grep -c '^n' out)" "0 70" "-j $jobs $*: all is done"
}
fewer() {
	[ "$1" -lt "$2" ] && echo "$1" || echo "$2"
}
cores=$(nproc)
for jobs in 1 2 64; do
	pool "$(fewer $jobs "$cores")" $jobs env
done
core=$(taskset -cp $$ | sed 's/.*: \([0-9]*\).*/\1/')
pool 1 64 taskset -c "$core"

done_testing
