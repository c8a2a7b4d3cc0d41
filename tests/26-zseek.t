#!/bin/sh
# zstd's seekable format against the zstd program: each reads the other's.
. "$(dirname "$0")/lib.sh"

make_db db 3000
head -c 70000 /dev/urandom >random
: >nothing
for f in db random nothing; do
	for level in 1 3 19; do
		ok "$f, level $level" sh -c "zseek $level <$f >z"
		ok "zstd is content" zstd -q -t <z
		ok "zstd decodes it" sh -c 'zstd -q -d -c <z >back'
		same back "$f" "to the same"
		ok "so do we" sh -c 'zseek -d <z >back'
		same back "$f" "to the same"
	done
done
zseek 3 <db >ours
ok "what zstd makes" sh -c 'zstd -q -19 --long=23 -c <db >z && zseek -d <z >back'
same back db "is decoded"
ok "streamed, with checksums" sh -c 'zstd -q --check -c <db >z && zseek -d <z >back'
same back db "as well"
cat z ours >both
ok "one after the other" sh -c 'zseek -d <both >back; [ $? = 1 ]'
err_like 'bad seek table: it disagrees with the frames' \
	"the table of a part is not that of the whole"
must_fail 1 sh -c 'zstd -q --ultra -22 --long=27 --zstd=wlog=27 -c <db |
	cat - /dev/null >z; zseek -d <z'
err_like 'too much memory' "a window of 128 MiB"
must_fail 1 sh -c 'zseek -d <db'
err_like 'not what zstd writes' "anything else"
must_fail 1 sh -c 'head -c -1 ours | zseek -d >back'
err_like 'cut short' "cut short"

# A megabyte of zeros in each of a thousand frames takes no memory.
head -c 1048576 /dev/zero | zstd -q -19 -c >frame
i=0
while [ $i -lt 1000 ]; do cat frame; i=$((i + 1)); done >bomb
ok "a bomb" sh -c 'rusage used zseek -d <bomb >/dev/null'
[ -n "${SANITIZED:-}" ] || [ "$(cut -d' ' -f3 used)" -lt 16384 ]
is $? 0 "in less than 16 MiB"
done_testing
