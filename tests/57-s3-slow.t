#!/bin/sh
# Slow lines: progress of a single large object, under a terminal alone; and
# slow is not stalled.
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR
. "$TOP/tests/s3.sh"

s3_start
s3_mb bkt
FAULTPROXY_WINDOW=16384
export FAULTPROXY_WINDOW
s3_proxy
SEG_STORE=s3://bkt
export SEG_STORE

# --- what the system has taken at once is still on its way when nothing was
# --- asked for longer than the time to try again (which is long enough for a machine
# --- that others have, too)
mkseg work slow 1 600 1000 700 1 600 >paths
rules "PUTDATA slow - 150000"
ok "a segment of 2.4 MB at 150 kB/s" seg-upload -v --retry-for 10 -e <paths
is "$(grep -c 'trying again' err)" 0 "at the first attempt"
rules "PUTDATA stall-request -"
mkseg work slow 601 900 1001 700 1 300 >paths
must_fail 3 seg-upload --retry-for 2 -e <paths
err_like "nothing arrived for . seconds?; given up" "a stalled one is given up"

# --- progress
mkseg work ns 1 250 1000 400 1 250 >paths
rules
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
	by_clock 0 5 script -qec ./slow typescript </dev/null >/dev/null
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
rules "MPPART slow - 12000000"
cat >slow <<-END
	#!/bin/sh
	seg-upload -e -j 1 <paths >records
END
script -qec ./slow typescript </dev/null >/dev/null
tr '\r' '\n' <typescript |
	grep -Eq 'seg-upload: (16|32|48|64)\.0 MiB of 7[0-9.]+ MiB'
is $? 0 "seg-upload says how far it is within an object"
done_testing
