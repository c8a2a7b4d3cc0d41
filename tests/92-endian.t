#!/bin/sh
# The other byte order: the commands built for s390x, whose most significant byte
# comes first, and run by qemu.  They pass the unit tests and what tests the
# formats; what they write are the bytes that are written here, and each goes on
# with what the other began.  Takes minutes, root, and Debian's packages: make
# soak.
. "$(dirname "$0")/lib.sh"
[ -n "${SOAK:-}" ] || {
	echo "1..0 # SKIP make soak runs it"
	exit 0
}

for program in mmdebstrap qemu-s390x-static s390x-linux-gnu-gcc; do
	command -v $program >/dev/null ||
		fail "$program is installed (mmdebstrap qemu-user-static gcc-s390x-linux-gnu)"
done

# --- the libraries, unpacked and not installed, and their locales; then the commands
packages=$(sed -n "/^build='/,/'/p" "$TOP/tests/run" | tr -d "'" | tr -s ' \n\t=' '\n' |
	grep -- '-dev$' | paste -sd ,)
mmdebstrap --quiet --variant=extract --arch=s390x "--include=libc-bin,$packages" \
	bookworm root >mmdebstrap.out 2>&1
is "$?" 0 "Debian's packages for s390x" || show_file mmdebstrap.out mmdebstrap
root=$T/root
lib=$root/usr/lib/s390x-linux-gnu
# built TARGET...: into the folder big
built() {
	env -u MAKEFLAGS -u MAKELEVEL "PKG_CONFIG_LIBDIR=$lib/pkgconfig" \
		"PKG_CONFIG_SYSROOT_DIR=$root" make -s -j2 -C "$TOP" "B=$T/big" \
		"CC=s390x-linux-gnu-gcc --sysroot=$root" "CFLAGS=-O1" \
		"LDLIBS=-Wl,-rpath-link,$lib" "$@"
}
units=$(cd "$TOP" && for f in tests/unit/*.c tests/helper/*.c; do
	f=${f#tests/}
	echo "$T/big/${f%.c}"
done)
# shellcheck disable=SC2086
ok "built" built all $units
is "$(readelf -h big/bin/seg-cut | grep -cE 'big endian|S/390')" 2 \
	"for another machine"

# By other programs' names, as if this were that machine.
emulated() { # FOLDER
	mkdir -p "emu/$1"
	for program in big/"$1"/*; do
		[ -x "$program" ] || continue
		printf '#!/bin/sh\nexec qemu-s390x-static -L "%s" -0 "$0" "%s" "$@"\n' \
			"$root" "$T/$program" >"emu/$1/${program##*/}"
		chmod +x "emu/$1/${program##*/}"
	done
}
emulated bin
emulated unit
emulated helper
# What watches processes sees the emulator's; and that has no terminals to make.
for program in rusage failcall badpipe; do
	cp "$SEGTOOLS_BUILD/helper/$program" emu/helper/
done
here=$SEGTOOLS_BIN
there=$T/emu/bin
ok "it runs" "$there/seg-cut" -V
is "$(cat out)" "$(seg-cut -V)" "and is seg-cut"

# --- the tests
mkdir unit
for unit in emu/unit/*; do
	name=${unit##*/}
	status=0
	(
		cd unit && SEGTOOLS_BUILD=$T/emu SEGTOOLS_BIN=$there \
			PATH=$there:$T/emu/helper:$PATH timeout 1200 "$T/$unit"
	) >"$name.tap" 2>"$name.err" || status=$?
	case $name in
	store) # whose last part has the kernel refuse fsync(), which qemu cannot
		status="$(grep -c '^ok' store.tap | sed 's/^4[5-9]$\|^[5-9].$/0/') $(
			grep '^not ok' store.tap | grep -vc 'fsync\|durabl')"
		is "$status" "0 0" "unit/store, but for what is not durable"
		;;
	*)
		is "$status" 0 "unit/$name: $(grep -c '^ok' "$name.tap") tests" ||
			show_file "$name.err" "$name"
		;;
	esac
done
for name in 11-plan 18-diff 21-golden 24-verify 25-dump 26-zseek 36-golden \
	39-index 15-draw 16-query 34-lazy 38-pack 40-cut; do
	status=0
	SOAK='' SEGTOOLS_BUILD=$T/emu SEGTOOLS_BIN=$there timeout 3000 \
		sh "$TOP/tests/$name.t" >"$name.tap" 2>"$name.err" || status=$?
	is "$status" 0 "$name: $(grep -c '^ok' "$name.tap") tests" ||
		show_file "$name.err" "$name"
done

# --- one after the other: on(here or there) COMMAND...
on() {
	on_path=$1
	shift
	env "PATH=$on_path:$PATH" "$@"
}
make_db shop.db 500 4096 delete
n=0
while [ $n -lt 8 ]; do
	n=$((n + 1))
	sql shop.db "UPDATE t SET v = 'round $n' WHERE id % 97 = $n"
	[ $((n % 2)) = 0 ] && at=$here || at=$there
	ok "cut $n" on "$at" seg-cut -d work shop shop.db
	set_of out >>cuts
	[ $((n % 4)) -lt 2 ] && at=$here || at=$there
	sed '1!G;h;$!d' cuts | sed 1q >newest
	ok "upload $n" on "$at" seg-upload -e --create -s store <newest
	ok "the catalogue" on "$at" seg-sync -s store -k catalog.db --add shop
done
is "$(awk '{ n += $2 == 1 } END { print n, NR }' cuts)" "1 8" \
	"each went on where the other had stopped"
# both WHAT DIR COMMAND...: the same output, in here.out, and the same files in DIR
both() {
	both_of=$1 both_dir=$2
	shift 2
	rm -rf "$both_dir" here.d
	ok "$both_of, here" on "$here" "$@"
	cp out here.out
	[ ! -d "$both_dir" ] || mv "$both_dir" here.d
	ok "$both_of, there" on "$there" "$@"
	same out here.out "$both_of: prints the same"
	[ ! -d here.d ] || ok "$both_of: writes the same" diff -r here.d "$both_dir"
}
both "a listing" none seg-list -s store shop
cp here.out listing
both "from the catalogue" none seg-list -k catalog.db
same here.out listing "the same again"
both "a plan" none sh -c 'seg-plan -c levels <listing'
both "verified" none sh -c 'seg-verify -s store <listing'
both "fetched" fetched sh -c 'seg-fetch -s store -d fetched <listing'
cp here.out files
both "merged" merged sh -c 'seg-merge -d merged <files'
both "merged from afar" lazy sh -c 'seg-fetch -l -s store -d lazy <listing'
both "packed" none sh -c 'seg-pack <files'
cp here.out tar
both "unpacked" unpacked sh -c 'seg-unpack -d unpacked <tar'
# (The compressor's choices differ, what it stands for does not.)
for pair in "$here:$there" "$there:$here"; do
	rm -rf zstore zfetched
	ok "compressed by one" on "${pair%%:*}" seg-upload --create -z -s zstore <files
	is "$(find zstore -name '*.zst' | wc -l)" 8 "all of them"
	ok "fetched by the other" on "${pair#*:}" seg-fetch -s zstore -d zfetched <listing
	ok "the same" diff -r fetched zfetched
done
both "a copy that follows" none sh -c 'rm -f copy.db*
	seg-list -s store shop | seg-plan | sed 3q >some
	seg-fetch -e -s store -d fetched <some | seg-restore -u copy.db
	seg-list -s store shop | seg-plan -u copy.db | seg-fetch -s store -d fetched |
		seg-restore -u copy.db'
same copy.db shop.db "is the database"
both "restored" none sh -c 'seg-restore - <files'
same here.out shop.db "is the database"
both "asked" none sh -c 'seg-plan <listing |
	seg-query -s store --cache-dir cache "SELECT sum(length(v)), max(v) FROM t"'
both "compared" none sh -c '{ seg-plan -f "$(sed -n "1s/.*	\([0-9]*\)	20.*/\1/p" listing)" <listing; seg-plan <listing; } |
	seg-diff -s store'
ok "a copy of one" on "$here" sh -c 'rm -f copy.db*; seg-list -s store shop |
	seg-plan | sed 3q >some; seg-fetch -e -s store -d fetched <some |
	seg-restore -u copy.db'
ok "is brought up by the other" on "$there" sh -c 'seg-list -s store shop |
	seg-plan -u copy.db | tee planned | seg-fetch -s store -d fetched |
	seg-restore -u copy.db'
same copy.db shop.db "to the database"
is "$(($(grep -c . planned) < 8))" 1 "from where it stood"
done_testing
