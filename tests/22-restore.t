#!/bin/sh
# seg-restore and seg-merge: sets that cannot be, targets in the way, damage,
# full disks; page sizes, shrinks, holes; memory and open files.
. "$(dirname "$0")/lib.sh"

# seg START END SIZE FIRST COUNT [STEP [SEED]]: a segment of namespace big
seg() {
	mkseg w "${ns:-big}" "$1" "$2" "${time:-$2}" "$3" "$4" "$5" "${6:-1}" "${7:-$2}"
}
a=$(seg 1 10 10 1 10)
b=$(seg 11 15 10 3 5)
c=$(seg 16 20 12 8 5)
d=$(seg 31 35 12 1 5)

# --- sets
ok "three in order" seg-restore db "$a" "$b" "$c"
empty out "nothing on stdout"
is "$(size db)" 49152 "exactly as long as the last one says"
cp db want
rm db
ok "in any order, one twice" seg-restore db "$c" "$a" "$b" "$a"
same db want "the same"
ok "to standard output" sh -c 'seg-restore - "$@" >piped' sh "$a" "$b" "$c"
same piped want "the same bytes"
rm db
for cmd in "seg-restore db" "seg-merge -d m"; do
	# shellcheck disable=SC2086
	{
		must_fail 1 $cmd "$a" "$c"
		err_like 'frames 11-15 are missing' "$cmd: the hole is named"
		must_fail 1 $cmd "$a" "$b" "$d"
		err_like 'frames 16-30 are missing' "$cmd: the hole is named"
		must_fail 1 $cmd "$a" "$(seg 10 15 10 3 5)"
		err_like 'overlap' "$cmd: an overlap is named"
		must_fail 1 $cmd "$a" "$(ns=other seg 11 15 10 3 5)"
		err_like 'other' "$cmd: two namespaces"
		must_fail 1 $cmd "$a" "$(time=99 seg 1 10 10 1 10)"
		must_fail 1 $cmd "$a" w/big/"$(basename "$b" | sed 's/1\.seg/2.seg/;s/5\.seg/6.seg/')"
		err_like 'no such file' "$cmd: a file that is not there is named"
		must_fail 2 $cmd nonsense
		must_fail 1 sh -c "printf '%s\n!\n' '$a' | $cmd"
		must_fail 1 sh -c "printf '%s\n' '$a' | $cmd"
		err_like 'cut short' "$cmd: a stream cut short"
		must_fail 1 sh -c "printf '%s\nx\n\n' '$a' | $cmd"
	}
	absent db m
done
must_fail 1 seg-restore db "$b" "$c"
err_like 'frames 1-10 are missing' "a restore begins at frame 1"
must_fail 1 sh -c "printf '\n' | seg-restore db"
must_fail 1 sh -c "printf '%s\n\n%s\n\n' '$a' '$a' | seg-restore db"
err_like 'more than one set' "exactly one set"
absent db
ok "a merge need not begin at 1" seg-merge -d m "$b" "$c"
ok "a set of one passes" seg-merge -d m2 "$b"
is "$(cut -f1 out | head -n 1)" "$b" "it is the file itself"
absent m2

# --- merges of merges
m_bc=$(seg-merge -d m "$b" "$c" | sed -n '1s/\t.*//p')
m_ab=$(seg-merge -d m "$a" "$b" | sed -n '1s/\t.*//p')
m_abc=$(seg-merge -d m "$a" "$b" "$c" | sed -n '1s/\t.*//p')
cp "$m_abc" abc
for pair in "$a $m_bc" "$m_ab $c"; do
	rm "$m_abc"
	# shellcheck disable=SC2086
	ok "a merge of a merge" seg-merge -d m $pair
	same "$m_abc" abc "is the merge of all"
done
ok "and restores" seg-restore db "$m_abc"
same db want "to the same"
ok "the merges and their indexes are whole" seg-verify "$m_bc" "$m_ab" "$m_abc" "$c"

# --- the target
must_fail 1 seg-restore db "$a"
err_like '^seg-restore: db: exists already' "a target in the way"
same db want "is left alone"
ok "with -F" seg-restore -F db "$a"
is "$(size db)" 40960 "it is replaced"
for ext in wal shm journal; do
	rm -f db
	: >db-$ext
	must_fail 1 seg-restore db "$a"
	err_like "^seg-restore: db-$ext: " "a stale -$ext"
	absent db
	must_fail 1 seg-restore -F db "$a" "$c"
	is "$(ls db-$ext)" db-$ext "it is there while nothing is checked"
	ok "with -F" seg-restore -F db "$a"
	absent db-$ext
done
must_fail 2 seg-restore nowhere/db "$a"
must_fail 2 seg-restore
mkdir adir
must_fail 1 seg-restore adir "$a"
if [ "$(id -u)" = 0 ]; then
	mkdir locked && chmod 555 locked
	chmod -R a+rX w
	must_fail 2 as_nobody seg-restore locked/db "$a"
	err_like '^seg-restore: locked/db: Permission denied' "named"
	must_fail 2 as_nobody seg-merge -d locked "$a" "$b"
fi

# --- a full disk, as far as a limit makes one
big=$(seg 1 1000 1000 1 1000)
rm -f db
must_fail 3 sh -c "ulimit -f 100; seg-restore db '$big'"
err_like '^seg-restore: .*db: File too large' "named"
must_fail 3 sh -c "ulimit -f 100; seg-merge -d m '$big' '$(seg 1001 1001 1000 1 1)'"
absent db
no_leftovers .
if [ "$(id -u)" = 0 ] && mkdir full &&
	mount -t tmpfs -o size=1m none full 2>/dev/null; then
	must_fail 3 seg-restore full/db "$big"
	err_like '^seg-restore: full/db: No space left on device' "named"
	must_fail 3 seg-merge -d full "$big" "$(seg 1001 1001 1000 1 1)"
	is "$(find full -type f)" "" "nothing is left on the full disk"
	umount full
fi

# --- damage, to every part of a small segment
small=$(seg 1 2 2 1 2)
cp "$small" whole
n=$(size whole)
at=0
bad=
while [ $at -lt "$n" ]; do
	head -c $at whole >"$small"
	seg-restore db "$small" 2>/dev/null && bad="$bad $at"
	at=$((at + (at < 100 ? 1 : 512)))
done
is "$bad" "" "cut short anywhere it is refused"
at=0
while [ $at -lt "$n" ]; do
	{
		head -c $at whole
		tail -c +$((at + 1)) whole | head -c 1 |
			tr '\000-\377' '\001-\377\000'
		tail -c +$((at + 2)) whole
	} >"$small"
	seg-restore db "$small" 2>/dev/null && bad="$bad $at"
	at=$((at + (at < 100 || at > n - 10 ? 1 : 499)))
done
is "$bad" "" "a byte changed anywhere it is refused"
absent db
no_leftovers .

# --- real databases: page sizes, the database checksum, SQLite's own check
for size in 512 1024 8192 65536; do
	rm -rf real.db* work out.db
	make_db real.db 300 $size delete
	p=$(seg-cut -d work shop real.db | sed -n '1s/\t.*//p')
	ok "pages of $size" seg-restore -I full out.db "$p"
	same out.db real.db "the same database"
done
one=$p
make_db other.db 300 4096 delete
p=$(seg-cut -d other shop other.db | sed -n '1s/\t.*//p')
must_fail 1 seg-merge "$one" "$p"
id=$(seg-dump -H "$p" | sed -n 's/^segment-id\t//p')
is "$(echo "$id" | cut -c1-8)" 73656731 "a cut has a database checksum"
# The same pages but one, under the id of the whole: valid but for that.
sqlite3 other.db 'UPDATE t SET v = 0 WHERE id = 7'
q=$(seg-cut -d other shop other.db | sed -n '1s/\t.*//p')
ok "a chain is proven" seg-restore chain.db "$p" "$q"
same chain.db other.db "and right"
must_fail 1 seg-restore chain.db "$p" "$q"
err_like '^seg-restore: chain.db: exists already' "the same again is refused, too"
# forge FILE OFFSET HEX: other bytes there, and the footer that goes with them
forge() {
	perl -e 'my ($f, $at, $hex) = @ARGV;
		open F, "+<:raw", $f or die; local $/; my $d = <F>;
		my $new = pack("H*", $hex); substr($d, $at, length $new) = $new;
		my $crc = 0xffffffff;
		for my $byte (unpack "C*", substr($d, 0, -4)) {
			$crc ^= $byte;
			$crc = $crc >> 1 ^ ($crc & 1 ? 0xedb88320 : 0) for 1 .. 8;
		}
		substr($d, -4) = pack("V", $crc ^ 0xffffffff);
		seek F, 0, 0; print F $d; close F or die' "$1" "$2" "$3"
}
f=$(mkseg w bad 1 10 5 10 1 10)
forge "$f" 14 "00$(echo "$id" | cut -c3-)"
ok "an id that is no checksum says nothing" seg-restore forged.db "$f"
rm forged.db
forge "$f" 14 "$id"
must_fail 1 seg-restore forged.db "$f"
err_like 'not the database that was cut' "a forged checksum is found out"
absent forged.db
g=$(mkseg w framed 1 10 5 10 1 10)
forge "$g" $((60 + 8)) 0b00000000000000
must_fail 1 seg-restore forged.db "$g"
err_like 'a frame number outside of' "a frame that is not the segment's"
must_fail 1 seg-merge -d merged "$g" "$(mkseg w framed 11 12 6 10 1 2)"
absent forged.db merged/framed/*
ok "a dry run" seg-restore -n dry.db "$p" "$q"
absent dry.db
must_fail 1 seg-restore -I quick plain.db "$a"
err_like 'not a database' "SQLite's check"
absent plain.db
must_fail 1 seg-restore -I quick - "$a"
empty out "nothing of it goes to stdout"
must_fail 1 seg-restore -F -I quick chain.db "$a"
same chain.db other.db "-F: what is there stays"
# An index that lacks the rows of its table: the file is a database
sqlite3 lacks.db 'CREATE TABLE t(a, b); CREATE INDEX t_b ON t(b)' \
	"INSERT INTO t VALUES(1, 2)" '.dbconfig defensive off' \
	'PRAGMA writable_schema = on' \
	"UPDATE sqlite_schema SET sql = 'CREATE INDEX t_b ON t(a)' WHERE name = 't_b'" >/dev/null
l=$(seg-cut -d lacks shop lacks.db | sed -n '1s/\t.*//p')
must_fail 1 seg-restore -I full plain.db "$l"
err_like "SQLite's check: row 1 missing from index t_b" "what SQLite's check finds is said"
absent plain.db
must_fail 2 seg-restore -I some plain.db "$a"

# --- many: more than files may be open, in little memory
little() { # a sanitizer's shadow memory is not ours to count
	[ -n "${SANITIZED:-}" ] || [ "$(cut -d' ' -f3 used)" -lt 65536 ]
	is $? 0 "in less than 64 MiB"
}
i=0
while [ $i -lt 1500 ]; do
	echo "mkseg many big $((i * 2 + 1)) $((i * 2 + 2)) $((i + 1)) 3000 $((i % 700 * 4 + 1)) 2 1 $i"
	i=$((i + 1))
done | sh >paths
ok "1,500 segments, 256 open files" sh -c \
	'ulimit -n 256; rusage used seg-restore -e many.db <paths'
little
ok "merged" sh -c 'ulimit -n 256; rusage used seg-merge -e -d mm <paths'
little
cut -f1 out | head -n 1 >path
ok "restored from the merge" seg-restore -e merged.db <path
same merged.db many.db "the same"

# Many into one directory: each looks for what killed runs left there, and must
# not take another's file from it.
mkseg side small 1 3 1 3 1 3 >path
mkdir beside
ok "400 restores side by side" sh -c \
	'seq 400 | xargs -P 16 -I N seg-restore -e beside/N.db "$(cat path)"'
is "$(find beside -type f | wc -l)" 400 "are all there"
done_testing
