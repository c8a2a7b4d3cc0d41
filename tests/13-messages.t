#!/bin/sh
# What is said on stderr: never what a terminal would obey, never without an
# end, never nothing where the status is not 0; and what JSON makes of paths
# that are no UTF-8.
. "$(dirname "$0")/lib.sh"

SEG_STORE=$T/store
export SEG_STORE
mkdir store
make_db shop.db 40 1024 delete
for i in 1 2; do
	sql shop.db "UPDATE t SET v = 'round $i' WHERE id = $i"
	seg-cut -d work shop shop.db >new-cut
	seg-upload <new-cut >/dev/null
done
seg-list shop >names
seg-fetch -d work <names >files

readers="seg-fetch seg-merge seg-plan seg-restore seg-rm seg-upload seg-verify"

# --- the program's name, which is whatever the caller says

# named NAME CMD [ARG...]
named() {
	perl -e '$name = shift; exec {$ARGV[0]} $name, @ARGV[1 .. $#ARGV]' "$@"
}

long=$(printf '%09000d' 0)
for path in "$SEGTOOLS_BIN"/seg-*; do
	cmd=${path##*/}
	must_fail 2 named "$long" "$path" -Z
	is "$(cat err)" \
		"$(printf '%064d' 0): option -Z is not known (-h shows how it is used)" \
		"$cmd: a name of 9000 bytes is shown in part"
	must_fail 2 named "$(printf 'a/\033]0;x\007\233\302\233')" "$path" -Z
	is "$(sed 's/: option.*//' err)" '^[]0;x^G\x9b\u009b' \
		"$cmd: what a terminal obeys is not in it"
done
must_fail 2 named '' "$SEGTOOLS_BIN/seg-plan" -Z
err_like '^segtools: option -Z' "no name at all"

# --- names, paths, options and records with bytes that a terminal obeys

# harmless FILE DESC: nothing but visible ASCII, spaces and whole UTF-8
harmless() {
	is "$(LC_ALL=C tr -d '\n\040-\176' <"$1" | od -An -c)" "" "$2"
}

obeyed=$(printf 'a\001\033[31m\177\r\b\233m\302\233m\377\303(\355\240\200\342\200\256')
shown='a^A^[[31m^?^M^H\x9bm\u009bm\xff\xc3(\xed\xa0\x80\u202e'
for cmd in $readers; do
	printf '%s\n\n' "$obeyed" >records
	case $cmd in
	seg-restore) set -- "$obeyed.db" ;;
	*) set -- ;;
	esac
	run "$cmd" "$@" <records
	is "$status" 1 "$cmd: a record with bytes that a terminal obeys"
	like err "line 1: not a record: $(printf '%s' "$shown" | sed 's/[][\\^?(]/\\&/g')\$" \
		"$cmd: shows them"
	harmless err "$cmd: no others"
	for option in "--$obeyed" "-s$obeyed" "-C$obeyed" "-d$obeyed/x" \
		"-k$obeyed" "-j$obeyed" "$obeyed" "$obeyed/x.seg" "-$obeyed"; do
		run "$cmd" "$option" <names
		harmless err "$cmd: as an option or operand"
	done
done
for cmd in seg-cut seg-dump seg-list seg-sync; do
	for option in "$obeyed" "-s$obeyed" "-C$obeyed" "-k$obeyed"; do
		run "$cmd" "$option" "$obeyed"
		is "$((status > 0))" 1 "$cmd: bytes that a terminal obeys"
		harmless err "$cmd: as an option or operand"
	done
done
must_fail 2 env SEG_STORE="$obeyed" seg-list
harmless err "in the environment"
must_fail 1 seg-dump 'ä – 数/no'
is "$(cat err)" 'seg-dump: ä – 数/no: no such file' "UTF-8 is left alone"

# --- long texts: the object and the reason are both seen

run seg-plan "$(printf '%0100000d' 0)"
is "$status $(wc -l <err) $(($(size err) < 8000))" "2 1 1" \
	"an operand of 100000 bytes"
err_like '^seg-plan: 000.*0 \.\.\. 0.*000: not a name NAMESPACE/KEY' \
	"is shown with its beginning and the reason"
run seg-plan -o "$(printf '%0100000d' 0)"
err_like 'is not an age' "and so is an option's value"
printf '%s\n\n' "$(printf '%0100000d\233' 0)" >records
must_fail 1 sh -c 'seg-plan <records'
is "$(wc -l <err) $(($(size err) < 8000))" "1 1" "and a record"

# --- one of what a message counts

one=$(head -n 1 files | cut -f 1)
ok "a restore" seg-restore -v counted.db "$one"
err_like "^seg-restore: counted.db: 1 segment, [0-9]+ pages of 1024 bytes" "one segment"
sqlite3 page.db 'PRAGMA page_size = 512; CREATE TABLE t(x)'
sqlite3 page.db 'DROP TABLE t; VACUUM'
ok "a cut of a page" seg-cut -d work page page.db
ok "a restore" seg-restore -v page2.db work/page/*.seg
err_like ": 1 segment, 1 page of 512 bytes" "one page"
must_fail 1 sh -c 'seg-list shop | seg-diff'
err_like ': 1 set, not two' "one set"
must_fail 1 seg-list --stale 1h nowhere
err_like '^seg-list: 1 of 1 namespace without a state' "one namespace"

# --- JSON

json=$(printf 'b\233\302\233\377"\\\t\177')
mkdir "$json" && cp -R work/shop "$json"
ok "a path that is no UTF-8" seg-verify -J "$json"/shop/*.seg
# shellcheck disable=SC1003
is "$(sed -n '1s/.*"path":"\(.*\)\/shop\/.*/\1/p' out)" \
	'b\ufffd\u009b\ufffd\"\\\u0009\u007f' "is JSON all the same"
perl -MJSON::PP -ne 'chomp; $n += length && defined decode_json($_); END { print $n }' \
	out >count
is "$(cat count)" 2 "that a reader of JSON takes"
must_fail 2 seg-verify "$json"/shop/*.seg
err_like 'has no place in a record' "a TAB has no place in a plain record"

# --- TMPDIR is configuration

for args in "-" "-I full -"; do
	# shellcheck disable=SC2086
	must_fail 2 env TMPDIR="$T/gone" seg-restore $args work/shop/*.seg
	is "$(cat err)" "seg-restore: $T/gone: no such directory (TMPDIR)" \
		"seg-restore $args: a TMPDIR that is not there"
done
: >file
must_fail 2 env TMPDIR="$T/file" seg-restore - work/shop/*.seg
err_like "$T/file: .*directory" "seg-restore: a TMPDIR that is a file"
must_fail 2 env TMPDIR="$T/gone" sh -c 'seg-fetch -l -d lazy <names'
is "$(cat err)" "seg-fetch: $T/gone: no such directory (TMPDIR)" \
	"seg-fetch -l: said once"

# --- no status but 0 without a line: a disk that fails

seg-pack <files >files.tar
# in_box CMD...: in a copy of all this; nothing is done yet
in_box() {
	rm -rf box && mkdir box && cp -R store work shop.db names files box
	(
		cd box && SEG_STORE=$PWD/store "$@"
	)
}

for what in "read 5" "sync 5" "sync 28"; do
	for cmd in "seg-fetch -d new" "seg-fetch -d work" "seg-fetch -i -d new" \
		"seg-fetch -l -d new" "seg-fetch -l -d work" seg-verify "seg-rm -F" \
		"seg-merge -d new" "seg-restore new.db" "seg-restore -" \
		"seg-upload -s $T/second --create" "seg-upload -m" "seg-cut -d work shop shop.db" \
		"seg-cut -d new shop shop.db" "seg-list" "seg-sync -k cat.db --add shop" \
		seg-pack "seg-unpack -d new" "seg-unpack -d work" \
		"seg-dump $(sed -n '1s/\t.*//p' files)"; do
		in=names
		case $cmd in
		seg-merge* | seg-restore* | seg-upload* | seg-pack) in=files ;;
		seg-unpack*) in=files.tar ;;
		esac
		# shellcheck disable=SC2086
		run in_box failcall $what $cmd <$in
		[ "$status" = 0 ] || [ -s err ]
		is "$? $(sort err | uniq -d)" "0 " \
			"$cmd, $what: status $status is said, and once"
		case $what:$cmd in
		read*:seg-list | read*:seg-sync* | read*:seg-rm*) ;;
		read*) is "$status" 3 "$cmd: what cannot be read is not bad" ;;
		esac
	done
done
must_fail 3 failcall read 5 seg-fetch -d work <names
is "$(grep -c 'Input/output error' err)" 2 \
	"seg-fetch: files that cannot be read are no bad files"

# --- damage, however often its segment is named

bad=$(sed -n '1s/\.seg\t.*//p' files)
printf zzzz | dd of="$bad.seg" bs=1 seek=3000 conv=notrunc 2>/dev/null
for cmd in seg-verify seg-pack "seg-merge -d new" "seg-restore new.db"; do
	# shellcheck disable=SC2086
	must_fail 1 $cmd work/shop/*.seg work/shop/*.idx "$bad.seg" "$bad.idx"
	is "$(cat err)" "${cmd%% *}: $bad.seg: its checksum is wrong" \
		"$cmd: damage is said once"
done
cp -R work other
must_fail 1 seg-verify other/shop/*.seg work/shop/*.seg
is "$(wc -l <err) $(grep -c shop/ out)" "2 1" \
	"seg-verify: two files of one segment are two, and one record"
data=store/v2/clusters/default/namespaces/shop/segments
data=$data/$(basename "$bad")
printf zzzz | dd of="$data" bs=1 seek=3000 conv=notrunc 2>/dev/null
for cmd in seg-verify "seg-fetch -d fetched"; do
	grep . names names -h >twice
	# shellcheck disable=SC2086
	must_fail 1 $cmd -e <twice
	is "$(grep -c 'its checksum is wrong' err)" 1 "$cmd: damage is said once"
	is "$(grep -c shop/ out)" 1 "$cmd: the other is good, once"
done
done_testing
