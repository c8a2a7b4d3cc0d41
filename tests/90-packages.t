#!/bin/sh
# The Debian packages and the archive: made twice, in different folders, they are
# the same byte for byte; lintian finds nothing; in a clean Debian they are
# installed, used and removed, and without libcurl.  Takes minutes, root, and
# Debian's packages: make soak.
. "$(dirname "$0")/lib.sh"
[ -n "${SOAK:-}" ] || {
	echo "1..0 # SKIP make soak runs it"
	exit 0
}

for program in dpkg-buildpackage lintian mmdebstrap git; do
	command -v $program >/dev/null ||
		fail "$program is installed (dpkg-dev debhelper lintian mmdebstrap git)"
done

# --- made twice
git clone -q --bare "$TOP" source
built() { # FOLDER
	mkdir -p "$1" && git clone -q "$T/source" "$1/src" &&
		env -u MAKEFLAGS -u MAKELEVEL make -C "$1/src" deb
}
ok "packages" built one
out_like '^segtools_.*changes|dpkg-deb: building package' "made"
ok "packages elsewhere, not tested" \
	env DEB_BUILD_OPTIONS=nocheck sh -c '
		mkdir -p a/longer/way && git clone -q source a/longer/way/src &&
		env -u MAKEFLAGS -u MAKELEVEL make -C a/longer/way/src deb'
made() { # FOLDER: what was made, but the account of how
	(cd "$1/src/build" && cksum ./*.tar.gz deb/*.deb deb/*.tar.* deb/*.dsc)
}
made one >one.sums
made a/longer/way >two.sums
note "$(cat one.sums)"
is "$(grep -c '\.deb$' one.sums)" 5 "three packages and two of symbols"
same one.sums two.sums "the same byte for byte, the archive too"

# --- in a clean Debian
mkdir debs
cp one/src/build/deb/*.deb debs
rm debs/*-dbgsym_*
make_db shop.db 300
cat >use <<'END'
#!/bin/sh
# In the clean system, as root: each step is said on stdout.
set -eu
export DEBIAN_FRONTEND=noninteractive TMPDIR=/tmp HOME=/root
get() { apt-get -q -y --no-install-recommends "$@" >/dev/null; }
cd /root
get install sqlite3
get install ./segtools_*.deb
dpkg-query -W -f '${Package}\n' | grep curl && exit 1
echo "installed without libcurl"
export SEG_STORE=/root/store AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b
echo | seg-upload --create >out
seg-cut -d work shop shop.db | seg-upload -m >/dev/null
sqlite3 shop.db "UPDATE t SET v = 'x' WHERE id = 7"
seg-cut -d work shop shop.db | seg-upload -m >/dev/null
seg-list shop | seg-plan | seg-fetch -d work | seg-restore now.db
sqlite3 shop.db .dump >a; sqlite3 now.db .dump >b; cmp a b
echo "backed up and restored"
s=0; seg-list -s s3://bucket 2>err || s=$?
grep -q 'libcurl' err
echo "a bucket: status $s, libcurl is named"
get install ./segtools-s3_*.deb
s=0
AWS_ENDPOINT_URL=http://127.0.0.1:1 seg-list --retry-for 1 -s s3://bucket 2>err ||
	s=$?
grep -qi 'connect' err
echo "with segtools-s3: status $s, nothing listens there"
get install ./libsqlite3-mod-segvfs_*.deb
[ "$(sqlite3 :memory: '.load segvfs' \
	"ATTACH 'file:shop?vfs=seg&store=/root/store' AS s" \
	'SELECT count(*) FROM s.t')" = 300 ]
echo "the extension is found by its name"
[ -f /usr/share/bash-completion/completions/seg-cut ]
[ -f /lib/systemd/system/segtools@.service ]
[ -f /usr/share/man/man7/segtools.7.gz ] || ls /etc/dpkg/dpkg.cfg.d
dpkg -L segtools segtools-s3 libsqlite3-mod-segvfs >ours
get purge segtools segtools-s3 libsqlite3-mod-segvfs
while read -r f; do
	[ ! -f "$f" ] || echo "left: $f"
done <ours
dpkg-query -W -f '${Package}\n' | grep -E 'segtools|segvfs' && exit 1
echo "removed, and nothing is left"
END
chmod +x use
ok "a clean system in which they are used" mmdebstrap --quiet --variant=apt \
	--customize-hook='cp "$T"/debs/*.deb "$T/shop.db" "$T/use" "$1/root"' \
	--customize-hook='chroot "$1" /root/use >"$T/said"' bookworm clean
same said - "every step" <<'END'
installed without libcurl
backed up and restored
a bucket: status 2, libcurl is named
with segtools-s3: status 3, nothing listens there
the extension is found by its name
removed, and nothing is left
END
done_testing
