#!/bin/sh
# The files of segments through real pipes: ssh, age, gpg, zstd, gzip, split, and
# a FIFO with blocks as a tape has them.  What comes out is what went in; what
# was cut short on its way is said to be.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/ssh.sh"

make_db shop.db 400
for i in 1 2 3; do
	sql shop.db "UPDATE t SET v = 'round $i' WHERE id = $i"
	seg-cut -d work shop shop.db
done >shop.set
image shop.db shop.img
seg-pack <shop.set >shop.tar

# A set goes out when it ends, not when there is more.
mkfifo in
seg-pack <in >some.tar &
exec 3>in
sed '/^$/d' shop.set >&3
echo >&3
# shellcheck disable=SC2016
ok "a set goes out when it ends" await sh -c 'tar -tf some.tar 2>/dev/null | grep -qx .end'
exec 3>&-
wait

# arrived DIR WAY: the files, and the database that they make
arrived() {
	ok "$2: the files" diff -r -x cut.memory work "$1"
	sed "s/^work/$1/; /^$/d" shop.set >arrived
	ok "$2: make a database" seg-restore -e "$1.db" <arrived
	same "$1.db" shop.img "$2: which is the one that was cut"
}

# through WAY THERE BACK: two filters; and what they make of half of it
through() {
	ok "$1: there" sh -c "seg-pack <shop.set | $2 >$1.file"
	ok "$1: and back" sh -c "$3 <$1.file | seg-unpack -d $1"
	arrived "$1" "$1"
	n=$(size "$1.file")
	for bytes in 0 1 $((n / 3)) $((n - 300)); do
		head -c "$bytes" "$1.file" >part
		must_fail 1 sh -c "$3 <part 2>/dev/null | seg-unpack -d $1.part"
		err_like '^seg-unpack: standard input: ' "$1: $bytes of $n bytes: said"
	done
}

age-keygen -o key.txt 2>/dev/null
recipient=$(age-keygen -y key.txt)
mkdir -m 700 g
export GNUPGHOME="$T/g"
at_exit() {
	gpgconf --kill all 2>/dev/null
	ssh_stop
}
through age "age -r $recipient" "age -d -i key.txt"
gpg="gpg --quiet --batch --pinentry-mode loopback --passphrase secret"
through gpg "$gpg --symmetric" "$gpg --decrypt"
gpg --quiet --batch --passphrase '' --quick-generate-key us@example.org ed25519 sign
through signed "gpg --quiet --batch --sign" "gpg --quiet --batch --decrypt"
printf X | dd of=signed.file bs=1 seek=$(($(size signed.file) - 20)) conv=notrunc 2>/dev/null
must_fail 1 gpg --quiet --batch --decrypt signed.file
through zstd "zstd -q" "zstd -dq"
through gzip "gzip" "gzip -d"

# days of it, each encrypted by itself, read as one
for day in 1 2 3; do
	sed '/^$/d' shop.set | sed -n "${day}p" | seg-pack -e | age -r "$recipient" >day$day.age
done
ok "three files of age, one after the other" sh -c \
	'for f in day?.age; do age -d -i key.txt $f; done | seg-unpack -d days'
is "$(grep -c '^$' "$T/out")" 3 "three sets"
arrived days days
# Of a file that was cut age may give nothing at all: echo says that there was one.
head -c 5000 day2.age >cut.age
must_fail 1 sh -c 'for f in day1.age cut.age day3.age; do
	age -d -i key.txt $f || echo
done | seg-unpack -d somedays'
is "$(grep -c '^$' "$T/out")" 1 "the second was cut: the first stands"

# --- in pieces

ok "split" sh -c 'seg-pack <shop.set | split -b 10000 - piece.'
ok "cat" sh -c 'cat piece.* | seg-unpack -d pieces'
arrived pieces split
rm piece.ac
must_fail 1 sh -c 'cat piece.* | seg-unpack -d lacking'

# --- blocks of 10 KiB, the last filled up with zeros, through a FIFO

mkfifo tape
{ seg-pack <shop.set | dd bs=10240 conv=sync iflag=fullblock 2>dd.err >tape; } &
ok "from a tape" sh -c 'dd bs=10240 <tape 2>/dev/null | seg-unpack -d taped'
wait $!
arrived taped tape
tar -b 20 -C work --exclude=cut.memory -cf - shop >tape.tar
must_fail 1 sh -c 'seg-unpack -d nothing <tape.tar' # tar's own, without .end

# --- ssh, to a server of our own

ssh_host host
remote() {
	ssh -F ssh_config host "$@"
}
ok "ssh" remote true
ok "to another machine" sh -c "seg-pack <shop.set |
	ssh -F ssh_config host 'cd $T && seg-unpack -d remote'"
sed 's/^work/remote/' shop.set >want
same "$T/out" want "whose paths come back"
arrived remote ssh
ok "from another machine" sh -c "ssh -F ssh_config host \
	'cd $T && seg-pack <shop.set' | seg-unpack -d fetched"
arrived fetched "ssh, back"
ok "encrypted, to a file there" sh -c "seg-pack <shop.set | age -r $recipient |
	ssh -F ssh_config host 'cat >$T/there.age'"
ok "and from there" sh -c "ssh -F ssh_config host 'cat $T/there.age' |
	age -d -i key.txt | seg-unpack -d decrypted"
arrived decrypted "age over ssh"
must_fail 1 sh -c "head -c 20000 shop.tar |
	ssh -F ssh_config host 'cd $T && seg-unpack -d half'"
is "$(grep -c '^$' "$T/out")" 0 "a connection that ends early: no end line"

# a connection that is cut in the middle: neither side takes it for the end
mkfifo slow
{
	ssh -F ssh_config host "cd $T && seg-unpack -d broken 2>broken.err; echo \$? >broken.status" \
		<slow >/dev/null 2>&1
} &
exec 9>slow
head -c 20000 shop.tar >&9
await any_file broken '*.seg'
kill "$(pgrep -P $! ssh || echo $!)" 2>/dev/null
exec 9>&-
wait $! 2>/dev/null
await test -s broken.status
is "$(cat broken.status)" 1 "a connection that breaks: 1 over there"
err=$(cat broken.err)
case $err in *'cut short'*) pass "said" ;; *) fail "said: $err" ;; esac
no_leftovers .
done_testing
