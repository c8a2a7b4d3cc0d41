#!/bin/sh
# Progress of a single large object over a slow line: it moves while the object
# does, under a terminal alone.
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR
. "$TOP/tests/s3.sh"

s3_start
s3_mb bkt
s3_proxy
SEG_STORE=s3://bkt
export SEG_STORE
mkseg work ns 1 250 1000 400 1 250 >paths
ok "a segment of 1 MB" seg-upload -e <paths
seg-list ns >names
rules "GETDATA slow - 600000"
for opts in "" -l; do
	rm -rf new
	cat >slow <<-END
		#!/bin/sh
		seg-fetch $opts -d new <names >records
	END
	chmod +x slow
	script -qec ./slow typescript </dev/null >/dev/null
	tr '\r' '\n' <typescript | grep -o 'seg-fetch: .*/s' >lines
	if [ -z "$opts" ]; then
		grep -Eq 'seg-fetch: [1-9][0-9.]* KiB of 1004.0 KiB \([1-9][0-9]?%\), [0-9.]+ KiB/s' lines
		is $? 0 "seg-fetch says how far it is within an object"
	fi
	is "$(sort -u lines | wc -l | awk '{ print ($1 > 2) }')" 1 \
		"seg-fetch $opts: again and again"
done
rm -rf new
ok "off a terminal" ./slow
empty err "there is none"

# A part of 16 MiB is the smallest step of a large upload.
mkseg work big 1 20000 1000 30000 1 20000 >paths
rules "MPPART slow - 30000000"
cat >slow <<-END
	#!/bin/sh
	seg-upload -e -j 1 <paths >records
END
script -qec ./slow typescript </dev/null >/dev/null
tr '\r' '\n' <typescript |
	grep -Eq 'seg-upload: (16|32|48|64)\.0 MiB of 7[0-9.]+ MiB'
is $? 0 "seg-upload says how far it is within an object"
done_testing
