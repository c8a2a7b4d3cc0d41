#!/bin/sh
# make static: the commands linked with musl, nothing loaded; what a bucket answers
# there; and the tests that take neither buckets nor libraries for LD_PRELOAD, with
# these commands.  Takes Debian's sources and minutes the first time: make soak.
. "$(dirname "$0")/lib.sh"
[ -n "${SOAK:-}" ] || {
	echo "1..0 # SKIP make soak runs it"
	exit 0
}

for program in musl-gcc dpkg-source nasm tclsh; do
	command -v $program >/dev/null ||
		fail "$program is installed (musl-tools dpkg-dev nasm tcl)"
done
# The folder in which the libraries are already, if they are.
ok "made" env -u MAKEFLAGS -u MAKELEVEL \
	make -C "$TOP" B="$SEGTOOLS_BUILD" static
bin=$SEGTOOLS_BUILD/static/inst/bin
is "$(ls "$bin")" "$(ls "$SEGTOOLS_BIN")" "every command"
for f in "$bin"/*; do
	readelf -lW "$f" >headers
	readelf -dW "$f" >dynamic
	is "$(grep -c INTERP headers)$(grep -c NEEDED dynamic)" 00 \
		"${f##*/} loads nothing"
	is "$(grep -c 'GNU_RELRO' headers)$(grep -c 'FLAGS_1.* PIE' dynamic)" 11 \
		"it lies anywhere, and what is fixed then cannot be written"
done
must_fail 2 env AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b \
	"$bin/seg-list" -s s3://bucket
empty out "a bucket: nothing listed"
err_like 'a bucket takes libcurl.*cannot be loaded: ' "and why is said"

# Directory stores: what each of these asserts, of these commands; but the words
# for errors are musl's, and nothing tells any more what is linked.
chmod 755 "$T" # theirs are in it, and some of them ask as another user
mkdir tree
for d in cmd ext lib man tests Makefile README.md LICENSE; do
	cp -R "$TOP/$d" tree
done
sed -i -e 's|Input/output error|I/O error|; s/Too many levels/Symbolic link loop/' \
	-e 's/Too many open files/No file descriptors available/' \
	-e '/"who needs libarchive"/d' tree/tests/*.t
cd tree || exit 1
# shellcheck disable=SC2046
set -- $(grep -LE '/s3\.sh|s3://|(^|[^a-z_])fs ["A-Z]|by_clock|preload|segvfs' \
	tests/[0-8]*.t)
[ $# -ge 30 ]
is $? 0 "$# files of tests"
for t; do
	ok "$t" env "SEGTOOLS_BIN=$bin" SOAK= sh "$t"
done
done_testing
