#!/bin/sh
# seg-upload reads the data of a segment once: it is verified on its way into the
# store, and what turns out to be bad gets no name there.
. "$(dirname "$0")/lib.sh"

# Three that lead on from each other; the second is read in several pieces.
mkseg seed shop 1 10 1 10 1 10 1 1 >files
mkseg seed shop 11 310 2 310 1 300 1 2 >>files
mkseg seed shop 311 320 3 320 1 10 1 3 >>files
objects=store/v2/clusters/default/namespaces/shop
bad=$(sed -n 2p files | sed 's,^seed,w,')
key=$(basename "$bad" .seg)

# fresh: a work directory w with them, and an empty store
fresh() {
	rm -rf w store reads
	cp -r seed w
	mkdir store
}
# spoil FILE WHERE: one byte of it becomes another
spoil() {
	printf '\377' | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

# upload WHAT ARG...: all of w; each byte of its data is read once, and the header
# to begin with
upload() {
	what=$1
	shift
	rm -f reads
	ok "$what" fs FS_READS="$T/reads" "$@" w/shop/*.seg
	awk '/\.seg$/ { sub(/ .*\//, " "); read[$2] += $1 }
		END { for (f in read) print f, read[f] }' reads | sort >found
	find seed -name '*.seg' -printf '%f %s\n' | sort |
		awk '{ print $1, $2 + 60 }' >wanted
	same found wanted "$what: read once"
}
store_is_whole() {
	for f in seed/shop/*.seg; do
		cmp "$f" "$objects/segments/$(basename "$f" .seg)" || return
	done
}

no_clones='FS_FAIL=ioctl=EOPNOTSUPP'
fresh
upload "copied" $no_clones seg-upload -q -s store
ok "all is there" store_is_whole
upload "compared" seg-upload -q -s store
fresh
upload "moved" seg-upload -q -m -s store
ok "all is there" store_is_whole
fresh
ln "$bad" other
upload "moved, one by a copy" $no_clones seg-upload -q -m -s store
ok "all is there" store_is_whole
rm other
fresh
upload "compressed" $no_clones seg-upload -q -z -s store
is "$(awk '/deleted/ { n += $1 } END { print n }' reads)" \
	"$(cat $objects/segments/*.zst | wc -c)" "what was made of it too"
upload "compared with what is compressed" seg-upload -q -s store
rm -f $objects/segments/*.zst
ok "by force, all is verified first" seg-upload -q -F -s store w/shop/*.seg

# ---- what is bad ----

# refused WHAT MESSAGE ARG...: the second; what is behind it is not published
refused() {
	what=$1 message=$2
	shift 2
	must_fail 1 "$@" w/shop/*.seg
	err_like "$message" "$what"
	err_like 'not published, since one before it failed' "$what: the next"
	is "$(grep -c ^shop/ out)" 1 "$what: the first is told"
	is "$(find store -path "*/$key*")" "" "$what: it is not there"
	no_leftovers store
	ok "$what: the file is" test -f "$bad"
	cp seed/shop/* w/shop
	ok "$what: made good" "$@" w/shop/*.seg
	is "$(grep -c ^shop/ out)" 3 "$what: all is there"
}
for how in '' -m -z '-m -z'; do
	for at in 700000 1233600; do
		fresh
		spoil "$bad" $at
		# shellcheck disable=SC2086
		refused "byte $at, ${how:-copied}" "$key.seg: its checksum is wrong" \
			seg-upload $how -s store
	done
	fresh
	cp "seed/shop/$(basename "$(sed -n 1p files)" .seg).idx" "w/shop/$key.idx"
	# shellcheck disable=SC2086
	refused "another's index, ${how:-copied}" "$key.idx: lacks page 11$" \
		seg-upload $how -s store
	fresh
	rm "w/shop/$key.idx"
	# shellcheck disable=SC2086
	refused "no index, ${how:-copied}" "$key.idx: no such file" \
		seg-upload $how -s store
done

# Where nothing is put, and where what is behind it is put all the same
fresh
spoil "$bad" 700000
must_fail 1 seg-upload -n -s store w/shop/*.seg
err_like "$key.seg: its checksum is wrong" "a dry run tells"
must_fail 1 seg-upload -F -s store w/shop/*.seg
err_like "$key.seg: its checksum is wrong" "by force"
is "$(find store -path "*/$key*")" "" "it is not there either"

# The first, in a namespace that is not there: no directory is made for it
fresh
first=$(sed -n '1s,^seed,w,p' files)
spoil "$first" 20000
must_fail 1 seg-upload -s store "$first"
is "$(find store -path '*/namespaces/*')" "" "no namespace is made by what is bad"

# What is there already: whatever it is, the file is bad
fresh
ok "uploaded" seg-upload -s store w/shop/*.seg
spoil "$bad" 700000
for there in "other content" "the same mistake"; do
	must_fail 1 seg-upload -m -s store "$bad"
	err_like "$key.seg: its checksum is wrong" "bad, and there is $there"
	ok "the file stays" test -f "$bad"
	spoil "$objects/segments/$key" 700000 # the same mistake in both
done

# ---- what becomes bad after it was looked at ----

# begun: fresh, with the first in the store
begun() {
	fresh
	ok "the first" seg-upload -s store "$(sed -n '1s,^seed,w,p' files)"
}
spoiling="printf '\\377' | dd of=$bad bs=1 seek=700000 conv=notrunc 2>/dev/null"
begun
must_fail 1 fs FS_RUN="open@segments=$spoiling" seg-upload -s store "$bad"
err_like "its checksum is wrong" "before it was read"
is "$(find store -path "*/$key*")" "" "it is not there"
begun
must_fail 1 fs FS_RUN="flock#2=$spoiling" seg-upload -m -s store "$bad"
err_like "its checksum is wrong" "after it was read, before it was moved"
is "$(find store -path "*/$key*")" "" "it is not there"
mkseg short shop 11 310 2 310 1 200 1 2 >/dev/null
begun
must_fail 1 fs FS_RUN="open@segments=cp short/shop/* w/shop" \
	seg-upload -s store "$bad"
err_like "changed meanwhile" "another one, as good, in its place"
is "$(find store -path "*/$key*")" "" "it is not there"
done_testing
