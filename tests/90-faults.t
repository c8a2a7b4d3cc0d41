#!/bin/sh
# A sample of "make faults": commands killed at their system calls, calls that
# fail, crashes of the machine.
. "$(dirname "$0")/lib.sh"

# Each function that changes files is one that tests/preload/fs.c knows of.
changes='(open|openat|creat|rename|renameat|renameat2|link|linkat|symlink|symlinkat|
	unlink|unlinkat|mkdir|mkdirat|rmdir|remove|truncate|ftruncate|fallocate|
	posix_fallocate|write|writev|pwrite|pwritev|pwritev2|copy_file_range|
	sendfile|splice|fsync|fdatasync|sync|syncfs|msync|chmod|fchmod|fchmodat|
	chown|lchown|fchown|fchownat|utime|utimes|utimensat|futimens|mkstemp|
	mkostemp|mkdtemp|tmpfile|mknod|setxattr|fsetxattr)(64)?'
changes=$(echo "$changes" | tr -d '\n\t')
nm -D --undefined-only "$SEGTOOLS_BIN"/seg-* | sed -n 's/^ *U \([^@]*\).*/\1/p' |
	grep -Ex "$changes" | sort -u >called
nm -D --defined-only "$SEGTOOLS_BUILD/preload/fs.so" | sed 's/.* //' |
	sort -u >known
comm -23 called known >unknown
empty unknown "each call that changes files is watched"
is "$(grep -cx -e rename -e fsync called)" 2 "some are"

ok "every 47th point" python3 -B "$TOP/tests/faults/faults.py" -k 47 \
	calls power twice
out_like '^0 of them went wrong$' "of all kinds"
note "$(cat out)"
done_testing
