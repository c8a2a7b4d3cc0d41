#!/bin/sh
# Whoever reads a bad object from a store says which it is, and why: by the
# name that it has there, never by that of a file which it was written to.
. "$(dirname "$0")/lib.sh"

clusters=v2/clusters/default/namespaces/shop
mkdir plain
make_db app.db 3
seg-cut -d work shop app.db | seg-upload -s plain >names
sql app.db "INSERT INTO t SELECT id + 10, v || 'x' FROM t" # which -l reads, too
seg-cut -d work shop app.db | seg-upload -s plain >>names
seg-list -s plain shop >names
key=$(sed -n '2s,^[^/]*/\([^	]*\).*,\1,p' names)
other=$(sed -n '1s,^[^/]*/\([^	]*\).*,\1,p' names)
cp -r plain zstd
for f in "zstd/$clusters/segments"/*; do
	zseek 1 <"$f" >"$f.zst"
	rm "$f"
done

SEG_STORE=$T/store
export SEG_STORE
fetch='seg-fetch -d fetched' lazy='seg-fetch -l -d fetched'
index='seg-fetch -i -d fetched'
drill='seg-verify --restore'
query="seg-query 'SELECT sum(length(v)) FROM t'"
# shellcheck disable=SC2016 # (two sets of it)
diff='sh -c "{ cat; cat names; } | seg-diff"'

# What may be wrong with $object:
flip() { # flip OFFSET: another byte there, from the end if it is negative
	perl -e 'open F, "+<", $ARGV[0]; seek F, $ARGV[1], $ARGV[1] < 0 ? 2 : 0;
		read F, $c, 1; seek F, -1, 1; print F chr(ord($c) ^ 0x55)' \
		"$object" "$1"
}
longer() { echo more >>"$object"; }
shorter() { truncate -s -30 "$object"; }
another() { cp "store/$clusters/$part/$other$suffix" "$object"; }
gone() { rm "$object"; }

# damaged PART WHAT...: a store that has it once
damaged() {
	part=$1 suffix=
	[ "$kind $part" != "zstd segments" ] || suffix=.zst
	object=store/$clusters/$part/$key$suffix
	rm -rf store
	cp -r "$kind" store
	shift
	damage=$*
	"$@"
}
# none_named: no file that it was written to
none_named() {
	is "$(grep -e ': fetched/' -e segtmp err)" "" "no file is named"
	rm -rf fetched
}
# say REASON COMMAND...: each reads names, fails and says it of the object
say() {
	reason=$1
	shift
	for command; do
		must_fail 1 sh -c "$command <names"
		err_like "^seg-[a-z]*: $clusters/$part/$key$suffix: $reason\$" \
			"$kind $part, $damage: $reason"
		none_named
	done
}

kind=plain
damaged segments flip -1
say 'its checksum is wrong' "$fetch" seg-verify "$drill"
damaged segments longer
say 'its length does not fit its header' \
	"$fetch" "$lazy" seg-verify "$drill" "$query" "$diff"
damaged segments another
say 'its header does not fit its key' \
	"$fetch" "$lazy" seg-verify "$drill" "$query" "$diff"
damaged segments gone
say 'not in the store' "$fetch" "$lazy" seg-verify "$drill" "$query" "$diff"
damaged segments gone
mkdir "$object"
for command in "$fetch" "$lazy" seg-verify "$drill" "$query" "$diff"; do
	must_fail 1 sh -c "$command <names"
	is "$(grep -v ' not made: ' err | cut -d ' ' -f 2-)" \
		"$SEG_STORE/${object#*/}: not a regular file" "said once"
	none_named
done
damaged indexes gone
say 'not in the store' "$index" seg-verify "$drill" "$query" "$diff"
damaged indexes flip -20
say 'its checksum is wrong' "$index" seg-verify "$drill" "$query" "$diff"
for command in "$fetch" "$lazy"; do
	ok "one that can be made anew" sh -c "$command <names"
	err_like "^seg-fetch: $clusters/indexes/$key: its checksum is wrong$" "why"
	err_like "^seg-fetch: $clusters/indexes/$key: wrong, made from the data$" \
		"that it is"
	none_named
done

kind=zstd
damaged segments flip 20
say '.*' "$fetch" "$lazy" seg-verify "$drill" "$query" "$diff"
damaged segments shorter
say 'cut short' "$fetch" "$lazy" seg-verify "$drill" "$query" "$diff"
damaged segments another
say 'its header does not fit its key' \
	"$fetch" "$lazy" seg-verify "$drill" "$query" "$diff"
done_testing
