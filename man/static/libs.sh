#!/bin/sh
# libs.sh DIR: what "make static" links: the libraries of the commands, built for
# musl from Debian's sources, in DIR/include and DIR/lib; and DIR/specs for gcc.
# Takes musl-tools, dpkg-dev, m4, nasm, tcl, and headers of Linux and libcurl.  The
# sources come from the mirror that apt has; its configuration stays as it is.

set -eu
mkdir -p "$1/src" "$1/lib" "$1/include"
dir=$(cd "$1" && pwd)

# --- the compiler: as musl-gcc has it, but what is linked is static and may lie
# anywhere in memory, for which musl has a start file of its own
for f in /usr/lib/*-linux-musl/musl-gcc.specs; do
	sed -e 's/Scrt1\.o/rcrt1.o/' \
		-e 's/^-dynamic-linker [^ ]*/-static -pie --no-dynamic-linker -z text/' \
		"$f" >"$dir/specs"
done
CC="gcc -specs=$dir/specs"
CFLAGS='-O2 -fPIC -fstack-protector-strong'
CPPFLAGS=-I$dir/include
export CC CFLAGS CPPFLAGS
# musl brings no headers of Linux; of libcurl the headers are all that is linked.
for d in linux asm asm-generic curl; do
	for f in /usr/include "/usr/include/$(gcc -print-multiarch)"; do
		[ ! -d "$f/$d" ] || ln -sfn "$f/$d" "$dir/include/$d"
	done
done

# --- the sources
packages='zlib libzstd expat libisal xxhash nettle util-linux libarchive sqlite3'
cd "$dir/src"
mkdir -p lists/partial cache/archives/partial
# shellcheck disable=SC2016
apt-get indextargets 'Created-By: Packages' \
	--format '$(ORIGIN) deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)' |
	sed -n 's/^Debian //p' >sources.list
cat >conf <<END
Dir::Etc::sourcelist "$dir/src/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "$dir/src/lists";
Dir::Cache "$dir/src/cache";
APT::Sandbox::User "root";
END
APT_CONFIG=$dir/src/conf
export APT_CONFIG
release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)

# quietly CMD...: its output is shown if it fails
quietly() {
	"$@" >"$dir/log" 2>&1 || {
		tail -n 50 "$dir/log" >&2
		exit 1
	}
}
# A mirror may lack what a list of it has: then as the release first had it.
source_of() {
	apt-get -q source "$1" || apt-get -q source "$1/$release"
}
for p in $packages; do
	[ ! -d "$p" ] || continue
	[ -f updated ] || quietly apt-get -q update
	touch updated
	rm -rf get
	mkdir get
	cd get
	quietly source_of "$p"
	cd ..
	mv get/*/ "$p"
	# A patch makes nothing newer than what was made of it.
	find "$p" -exec touch -h -r conf {} +
done
rm -rf get updated

# --- each of them, in its folder
configured() {
	quietly ./configure --prefix="$dir" --libdir="$dir/lib" \
		--disable-shared --enable-static "$@"
}
build_zlib() {
	quietly ./configure --static
	quietly make libz.a
	cp libz.a "$dir/lib"
	cp zlib.h zconf.h "$dir/include"
}
build_libzstd() {
	quietly make -C lib ZSTD_LEGACY_SUPPORT=0 libzstd.a
	cp lib/libzstd.a "$dir/lib"
	cp lib/zstd*.h "$dir/include"
}
# What buckets answer is read with it: it is linked, and never run.
build_expat() {
	cd expat/lib
	: >expat_config.h
	for f in xmlparse xmlrole xmltok; do
		# shellcheck disable=SC2086
		quietly $CC $CFLAGS -DHAVE_GETRANDOM -DXML_NS -DXML_DTD \
			-DXML_CONTEXT_BYTES=1024 -I. -c $f.c
	done
	quietly ar rcs "$dir/lib/libexpat.a" xmlparse.o xmlrole.o xmltok.o
	cp expat.h expat_external.h "$dir/include"
}
build_libisal() {
	quietly make -f Makefile.unx units=crc CC="$CC $CFLAGS" lib
	cp bin/isa-l.a "$dir/lib/libisal.a"
	mkdir -p "$dir/include/isa-l"
	cp include/crc*.h "$dir/include/isa-l"
}
build_xxhash() {
	quietly make libxxhash.a
	# What Debian's has where processors differ in how wide their vectors are.
	case $(gcc -dumpmachine) in
	x86_64-* | i?86-*)
		quietly make xxh_x86dispatch.o
		quietly ar rs libxxhash.a xxh_x86dispatch.o
		cp xxh_x86dispatch.h "$dir/include"
		;;
	esac
	cp libxxhash.a "$dir/lib"
	cp xxhash.h xxh3.h "$dir/include"
}
build_nettle() {
	configured --disable-public-key --disable-openssl \
		--disable-documentation --enable-fat
	quietly make libnettle.a
	quietly make install-headers
	cp libnettle.a "$dir/lib"
}
build_util_linux() {
	configured --disable-all-programs --enable-libuuid
	quietly make libuuid.la
	cp .libs/libuuid.a "$dir/lib"
	mkdir -p "$dir/include/uuid"
	cp libuuid/src/uuid.h "$dir/include/uuid"
}
build_libarchive() {
	configured --disable-bsdtar --disable-bsdcat --disable-bsdcpio \
		--disable-acl --disable-xattr --without-zlib --without-bz2lib \
		--without-libb2 --without-iconv --without-lz4 --without-zstd \
		--without-lzma --without-cng --without-openssl --without-xml2 \
		--without-expat --without-nettle
	quietly make libarchive.la
	cp .libs/libarchive.a "$dir/lib"
	cp libarchive/archive.h libarchive/archive_entry.h "$dir/include"
}
# SQL means what it means to Debian's.
build_sqlite3() {
	CFLAGS="$CFLAGS $(grep -o -e '-DSQLITE[A-Z0-9_]*[=0-9]*' debian/rules |
		tr '\n' ' ')"
	configured --disable-tcl --disable-readline --enable-fts4 --enable-fts5
	quietly make libsqlite3.la
	cp .libs/libsqlite3.a "$dir/lib"
	cp sqlite3.h sqlite3ext.h "$dir/include"
}

for p in $packages; do
	[ ! -f "$p.done" ] || continue
	echo "musl: $p"
	(
		cd "$p"
		"build_$(echo "$p" | tr - _)"
	)
	touch "$p.done"
done
touch "$dir/made"
