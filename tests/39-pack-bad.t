#!/bin/sh
# seg-unpack of what is no stream of seg-pack's: every kind of member that is
# none, sizes and headers that lie, too much of everything.  Nothing of it is
# written, what is good beside it is, and never is the status 0.
. "$(dirname "$0")/lib.sh"

# member NAME TYPE FILE [SIZE]: a header as any tar program may write it, and
# FILE behind it; SIZE: what the header says, whatever FILE has
member() {
	perl -e '
		my ($name, $type, $file, $size) = @ARGV;
		open(my $f, "<", $file) or die; binmode $f; local $/; my $data = <$f> // "";
		$size = sprintf "%011o", length $data unless defined $size;
		my $h = pack("a100 a8 a8 a8 a12 a12 a8 a1 a100 a6 a2 a32 a32 a8 a8 a155 a12",
			$name, "0000644", "0000000", "0000000", $size, "14717045220",
			" " x 8, $type, $type =~ /[12]/ ? "shop/target" : "", "ustar", "00",
			"", "", "", "", "", "");
		substr($h, 148, 8) = sprintf "%06o\0 ", unpack("%32C*", $h);
		print $h, $data, "\0" x (-length($data) % 512);
	' "$@"
}

# pax RECORD...: an extended header of these records, "KEY=VALUE"
pax() {
	perl -e '
		for (@ARGV) {
			my $l = length($_) + 2; my $n = $l + length $l;
			$n = $l + length $n; print "$n $_\n";
		}' "$@" >records
	member PaxHeader x records
}

zeros() {
	head -c 1024 /dev/zero
}

ending() {
	member .end 0 /dev/null
	zeros
}

mkseg work shop 1 4 1700000000000 4 1 4 >path
seg=$(cat path)
idx=${seg%seg}idx
mkseg work good 1 4 1700000000000 4 1 4 >good.path
name=${seg#work/} iname=${idx#work/}
seg-pack -e <good.path | head -c -1536 >good.part # one pair
pair() {
	member "$name" 0 "$seg"
	member "$iname" 0 "$idx"
}
{ pair && ending; } >whole
ok "as it should be" sh -c 'seg-unpack -d whole.d <whole'
printf x >x

# refused DESC WHAT: of the members in the file bad, between a good pair and the
# end, nothing is written; WHAT is said, the set fails, the next does not
refused() {
	{ cat good.part bad && member .end 0 /dev/null && pair && ending; } >stream
	rm -rf box && mkdir box box/d
	run sh -c 'cd box && umask 022 && seg-unpack -d d <../stream'
	is "$status" 1 "$1: refused"
	err_like "$2" "$1: why"
	is "$(sed -n 's/^$/good/p; s/^!$/failed/p' "$T/out" | tr '\n' ' ')" "failed good " \
		"$1: that set, and no other"
	is "$(find box ! -type d | sort | tr '\n' ' ')" "$box_wanted" "$1: nothing of it"
}
box_wanted=$(for f in "$(cat good.path)" "$seg"; do
	f=box/d/${f#work/}
	printf '%s %s ' "${f%seg}idx" "$f"
done)

# --- members that are no files, and paths that are none of ours

n=$name
for spec in "1:a link" "2:a link" "3:a device" "4:a device" "6:no file"; do
	member "$n" "${spec%%:*}" /dev/null >bad
	refused "type ${spec%%:*}" ": ${spec#*:}\$"
done
{ pax comment=x && member "$n" 1 "$seg"; } >bad # as pax allows
refused "a hard link with data" ": a link$"
for path in "/$n" "../$n" "x/$n" "shop/../$n" "../../../../../tmp/$n" "shop//${n#shop/}" \
	"${n#shop/}" "$n.gz" shop/cut.memory ".end/${n#shop/}" ".failed/${n#shop/}" \
	"../.end" "shop/.segtmp-${n#shop/}" "$(printf 'a\001b')/${n#shop/}" \
	"$(printf 'a\377b')/${n#shop/}" "././$n" .. ""; do
	member "$path" 0 "$seg" >bad
	refused "'$(printf %s "$path" | cat -v)'" 'not the path of a segment.s file$'
done
for path in /shop/ ../ shop/../../x/; do
	member "$path" 5 /dev/null >bad
	refused "directory $path" 'a path that leads out$'
done
# What has a name with a slash at its end is a directory, and has no data.
for path in "$n/" ./; do
	{ cat good.part && member "$path" 0 "$seg" && ending; } >stream
	must_fail 1 sh -c 'rm -rf box; seg-unpack -d box <stream'
	is "$(find box -type f -path '*shop*')" "" "'$path' with data: nothing of it"
done
member .end 0 x >bad
refused ".end with contents" '^seg-unpack: \.end: '
member .end 5 /dev/null >bad
{ cat good.part bad && ending; } >stream
ok "a directory .end is passed over" sh -c 'rm -rf box; seg-unpack -d box <stream'
{ pair && pair; } >bad
{ cat bad && ending; } >stream
ok "a pair again, the same" sh -c 'rm -rf box; seg-unpack -d box <stream'
{ member "$n" 0 "$seg" && pair; } >bad
refused "a member twice" "$n: twice in its set"
mkseg other shop 1 4 1700000000000 4 1 4 1 9 >other.path
{ pair && member "$n" 0 "other/$n" && member "$iname" 0 "other/$iname"; } >bad
refused "a pair again, another" 'there already, whole, and not the same'

# --- contents

head -c 3000 "$seg" >short
{ cat "$seg" && printf x; } >longer
for f in short longer x /dev/null "$idx" "other/$iname"; do
	{ member "$n" 0 "$f" && member "$iname" 0 "$idx"; } >bad
	refused "data: $f" "d/$n: "
	is "$(grep -c "$n\|$iname" "$T/err")" 1 "$f: said once"
done
mkseg work shop 1 5 1700000000000 4 1 4 >five
for f in /dev/null x "$seg" good.path; do
	{ member "$n" 0 "$seg" && member "$iname" 0 "$f"; } >bad
	refused "index: $f" "d/$iname: "
done
mkseg pages shop 1 4 1700000000000 9 2 4 >pages.path
{ member "$n" 0 "$seg" && member "$iname" 0 "pages/$iname"; } >bad
refused "the index of other pages" "d/$iname: says that page 2 is in frame 0"
{ member "$iname" 0 "pages/$iname" && member "$n" 0 "$seg"; } >bad
refused "the same, first" "d/$iname: says that page 2 is in frame 0"
member "$n" 0 "$seg" >bad
refused "data alone" "d/$n: its .idx is not in its set"
member "$iname" 0 "$idx" >bad
refused "index alone" "d/$iname: its .seg is not in its set"

# --- sparse

truncate -s 1M hole && cat "$seg" >>hole
for how in gnu "posix --sparse-version=0.0" "posix --sparse-version=0.1" \
	"posix --sparse-version=1.0"; do
	mkdir -p sparse/shop && cp hole "sparse/$n"
	eval "tar -C sparse --sparse -H $how -cf sparse.tar '$n'"
	head -c $(($(size sparse.tar) / 512 * 512)) sparse.tar |
		perl -0777 -ne 's/\0{1024,}\z//; print; print "\0" x (-length() % 512)' >bad
	{ cat good.part bad && ending; } >stream
	must_fail 1 sh -c 'rm -rf box; seg-unpack -d box <stream'
	is "$(find box -type f | wc -l)" 2 "sparse, $how: not written"
done

# --- headers

long=$(printf '%060000d' 0)
{ pax "comment=$long" && pair && ending; } >stream
ok "a header of 60,000 bytes" sh -c 'rm -rf box; seg-unpack -d box <stream'
{ pax "path=$n" && member x 0 "$seg" && pax "path=./$iname" && member x 0 "$idx" &&
	ending; } >stream
ok "paths in pax headers" sh -c 'rm -rf box; seg-unpack -d box <stream'
{ pax linkpath=/etc/passwd && pair && ending; } >stream
ok "a link's target without a link" sh -c 'rm -rf box; seg-unpack -d box <stream'
yes | head -c 70000 >y
perl -e 'print "70012 comment=", "x" x 69997, "\n"' >records
for type in x g L K V; do
	f=records
	case $type in [LKV]) f=y ;; esac
	{ pair && member .end 0 /dev/null && member big $type $f && pair && ending; } >stream
	must_fail 1 sh -c 'rm -rf box; seg-unpack -d box <stream'
	[ $type = V ] || err_like 'a header above 64 KiB' "type $type of 70,000 bytes: said"
	is "$(grep -c '^$' "$T/out")" 1 "type $type of 70,000 bytes: what was before it stands"
done
i=0
while [ $i -lt 40 ]; do
	pax comment=x
	i=$((i + 1))
done >bad
{ pair && member .end 0 /dev/null && cat bad && pair && ending; } >stream
must_fail 1 sh -c 'rm -rf box; seg-unpack -d box <stream'
for record in path=../x/y "path=/$n" size=-1 size=9999999999999999999 \
	SCHILY.realsize=99999 GNU.sparse.realsize=99999 GNU.sparse.size=1; do
	{ cat good.part && pax "$record" && pair && ending; } >stream
	must_fail 1 sh -c "rm -rf box; seg-unpack -d box <stream"
	is "$(find box -type f -path '*shop*')" "" "$record: nothing of it"
done
printf 'no record at all\n' >records
member PaxHeader x records >bad
member "$n" 0 "$seg" >>bad
refused "a malformed pax header" 'a malformed header$'

# --- sizes that lie

# raw BYTES: a size field as it stands, of any bytes
for size in 77777777777 "$(printf '\200\0\0\0\177\377\377\377\377\377\377\377')" \
	"$(printf '\377\377\377\377\377\377\377\377\377\377\377\377')" 00000000001 \
	00000040000 99999999999 ""; do
	{ cat good.part && member .end 0 /dev/null && member "$n" 0 "$seg" "$size" &&
		member "$iname" 0 "$idx" && ending; } >stream
	must_fail 1 rusage used sh -c 'rm -rf box; seg-unpack -d box <stream'
	is "$(find box -type f -path '*shop*')" "" "size '$(printf %s "$size" | cat -v)': nothing of it"
	is "$(grep -c '^$' "$T/out")" 1 "what was before it stands"
done

# --- too much

# memory CMD...: runs it; its greatest resident set is below 32 MiB
memory() {
	run rusage used sh -c "exec $*"
	kib=$(cut -d' ' -f 3 used)
	[ -n "${SANITIZED-}" ] || [ "$kib" -lt 32768 ]
	is $? 0 "memory: $kib KiB"
}

many=20000
[ -z "${SOAK-}" ] || many=2000000
perl -e '
	my $h = pack("a100 a8 a8 a8 a12 a12 a8 a1 a100 a6 a2 a247", ".end", "0000644",
		"0000000", "0000000", "00000000000", "14717045220", " " x 8, "0", "",
		"ustar", "00", "");
	substr($h, 148, 8) = sprintf "%06o\0 ", unpack("%32C*", $h);
	print $h x 100 for 1 .. $ARGV[0] / 100; print "\0" x 1024;
' $many >sets.tar
memory 'seg-unpack -d box <sets.tar'
is "$status $(grep -c '^$' "$T/out")" "0 $many" "$many sets of nothing"

# many members of one set: each a file of no use; then each waiting for another
flood() {
	perl -e '
		my ($n, $idx) = @ARGV;
		for my $i (1 .. $n) {
			my $h = pack("a100 a8 a8 a8 a12 a12 a8 a1 a100 a6 a2 a247",
				sprintf("n%d/18446744073709551614-%020d-%020d.%s",
					$idx ? 1 : $i, 1, $i, $idx ? "idx" : "txt"),
				"0000644", "0000000", "0000000", "00000000001", "14717045220",
				" " x 8, "0", "", "ustar", "00", "");
			substr($h, 148, 8) = sprintf "%06o\0 ", unpack("%32C*", $h);
			print $h, "x", "\0" x 511;
		}
		print "\0" x 1024;
	' "$@"
}
flood "$many" 0 >flood.tar
memory 'seg-unpack -d box <flood.tar'
is "$status $(grep -c 'not the path' "$T/err")" "1 $many" "$many members that are none"
flood 20000 1 >flood.tar
memory 'seg-unpack -d box <flood.tar'
is "$status" 3 "20,000 indexes that wait: 3"
err_like '^seg-unpack: standard input: no more than [0-9]+ files can wait for a .seg or .idx: tar --sort=name' "and what helps"
is "$(tail -n 1 "$T/out")" "!" "a failed set"
ok "few files may be open" sh -c '(ulimit -n 80; seg-unpack -d few <whole)'
(
	# shellcheck disable=SC3045 # dash has it
	ulimit -n 80
	seg-unpack -d few <flood.tar >few.out 2>few.err
	echo $? >few.status
)
is "$(cat few.status)" 3 "too few files: 3"
is "$(find few box -name '*.idx' -size -1k)" "" "nothing is left"
# --- only these two take libarchive

for path in "$SEGTOOLS_BIN"/seg-*; do
	objdump -p "$path" | grep -q 'NEEDED.*libarchive' && echo "${path##*/}"
done >takers
is "$(tr '\n' ' ' <takers)" "seg-pack seg-unpack " "who needs libarchive"
no_leftovers .
done_testing
