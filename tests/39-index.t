#!/bin/sh
# Indexes that are wrong but for their checksums, through all that reads them;
# data of the later layout, whose length its index alone knows.
. "$(dirname "$0")/lib.sh"

SEG_STORE=$T/store
export SEG_STORE
objects=store/v2/clusters/default/namespaces/shop

{
	mkseg work shop 1 10 1000 10 1 10 1 1
	mkseg work shop 11 20 2000 10 3 5 1 2
	echo
} >files
seg-upload --create <files >names
key=$(sed -n '2s,^[^/]*/\([^	]*\).*,\1,p' names)
seg=work/shop/$key.seg
idx=work/shop/$key.idx
cp "$idx" right
seg-merge -d merged <files >merge
merge=$(sed -n '1s/merged.\([^	]*\).*/\1/p' merge)

# wrong DESC PATTERN EDIT...: what seg-verify says of that index
wrong() {
	what=$1 pattern=$2
	shift 2
	reindex right wrong "$@" || fail "reindex $*"

	cp wrong "$idx"
	must_fail 1 seg-verify "$seg"
	err_like "^seg-verify: $idx: $pattern" "$what: of a file"
	must_fail 1 seg-upload work/shop/*.seg -s none --create
	err_like "^seg-upload: $idx: $pattern" "$what: uploaded"
	is "$(find none -path "*/$key*")" "" "nothing of it was put"
	ok "$what: made anew" seg-verify -r "$seg"
	same "$idx" right "as it was"

	cp wrong "$objects/indexes/$key"
	must_fail 1 seg-verify "shop/$key"
	err_like "indexes/$key: $pattern" "$what: of an object"
	rm -rf o
	ok "$what: fetched" seg-fetch -d o "shop/$key"
	err_like "indexes/$key: wrong, made from the data" "said"
	same "o/shop/$key.idx" right "the index is right"
	rm -rf o
	ok "$what: merged from afar" seg-fetch -l -d o <names
	err_like "segments/$key: fetched whole" "said"
	same "o/$merge" "merged/$merge" "the merge is right"
	cp right "$objects/indexes/$key"
}
wrong "a page less" "(lacks page 5|says that page 6 is)" drop 5
wrong "the last page less" "lacks page 7" drop 7
wrong "a page more" "has page 9, which the data has not" add 9
wrong "a page more in front" "says that page 1 is in frame 5" add 1
wrong "another page" "says that page 8 is in frame 4" move 7 8
wrong "shifted positions" "says that page 3 is in frame 1" shift
wrong "two positions changed" "says that page 4 is in frame 2" swap 4 5

# a bare FST: in a work directory it may be, in a store it is wrong
tail -c +23 right >bare
cp bare "$idx"
ok "a bare FST beside a file" seg-verify "$seg"
must_fail 1 seg-upload "$seg" -s none --create
err_like "$idx: lacks the header of an index object \(seg-verify -r makes it" \
	"is not for a store"
ok "seg-verify -r" seg-verify -r "$seg"
same "$idx" right "makes it"
cp bare "$objects/indexes/$key"
must_fail 1 seg-verify "shop/$key"
err_like "indexes/$key: lacks the header of an index object" "an object is wrong"
rm -rf o
ok "merged from afar" seg-fetch -l -d o <names
same "o/$merge" "merged/$merge" "it is right"
cp right "$objects/indexes/$key"

# --- the later layout, cut at a frame's border
D=$TOP/tests/data/segments
ns=v2/clusters/c1/namespaces/ns1
SEG_CLUSTER=c1
SEG_STORE=$T/later
export SEG_CLUSTER
cp -R "$D/source" later && chmod -R u+w later
k3=18446744073709551600-00000000000000000010-00000001726000061000
cp "$D/later_segment3/$ns/segments/$k3" whole
seg-list ns1 | grep . | head -n 4 >names && echo >>names
cp whole "later/$ns/segments/$k3"
ok "one of the later layout in a set" seg-verify <names
ok "it is fetched" seg-fetch -d w <names
cp out paths
for frames in 4 1; do
	head -c $((56 + frames * 4116)) whole >"later/$ns/segments/$k3"
	rm -rf o
	must_fail 1 seg-verify <names
	err_like "segments/$k3: cut short: it has $frames pages?, its index has 5" \
		"$frames of its 5 frames: the object is bad"
	must_fail 1 seg-fetch -d o <names
	err_like "segments/$k3: cut short" "fetched"
	is "$(find o -name "$k3*")" "" "it is not there"
	must_fail 1 seg-fetch -l -d o <names
	is "$(find o -name '*.seg' | wc -l)" 3 "nothing is merged"
	cp "later/$ns/segments/$k3" "w/ns1/$k3.seg"
	must_fail 1 seg-verify -r "w/ns1/$k3.seg"
	err_like "$k3.seg: cut short" "a file too, and its index stays"
	must_fail 1 seg-merge -d m <paths
	err_like "$k3.seg: cut short" "merged"
	must_fail 1 seg-restore now.db <paths
	err_like "$k3.seg: cut short" "restored"
	absent now.db
done

# --- a header that fits both layouts: the checksums decide
tab=$(printf '\t')
# both LAYOUT: two frames.  By the OLD reading START is 5 and END 7 * 2^32 + 9,
# by the LATER one START is 5 * 2^32 and END 9 * 2^32: the same bytes.
both() {
	perl -e '
		my ($layout) = @ARGV;
		sub crc {
			my ($crc, $s) = @_;
			$crc ^= 0xffffffff;
			for my $byte (unpack "C*", $s) {
				$crc ^= $byte;
				$crc = $crc >> 1 ^ ($crc & 1 ? 0xedb88320 : 0) for 1 .. 8;
			}
			return $crc ^ 0xffffffff;
		}
		my $head = pack "H16 v V x12 V V V V V v v v", "00004c515342494c",
			1, 2, 0, 5, 0, 9, 7, 4096, 0, 4096;
		if ($layout eq "old") { # the rest of TIME, then frames
			my $s = $head . pack("x8");
			$s .= pack("V V Q<", $_, 0, 4 + $_) . "\1" x 4096 for 1, 2;
			print $s, pack "V", crc(0, $s);
		} else {
			my $s = $head . pack("x4");
			my $c = crc(0, $s);
			for (1, 2) {
				my $f = pack "V V Q<", 0, $_, 5 * 2 ** 32 + $_;
				my $p = "\1" x 4096;
				$c = crc($c, $f . $p);
				$s .= $f . pack("V", $c) . $p;
			}
			print $s;
		}' "$1"
}
for layout in old later; do
	both $layout >either
	ok "a header that fits both layouts" seg-dump either
	out_like "^layout$tab$layout$" "told apart"
	out_like "^checksums${tab}good$" "and good"
done
done_testing
