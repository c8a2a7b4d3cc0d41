#!/bin/sh
# tests/faults.sh [-k K] [-w N] [-c CASE]... KIND...: see tests/faults/faults.py;
# for the kind s3 a service is started.  In memory where that is to be had: a
# sync that costs nothing is one all the same.
if [ -z "${TMPDIR:-}" ] && [ -w /dev/shm ]; then
	export TMPDIR=/dev/shm
fi
. "$(dirname "$0")/lib.sh"
case " $* " in
*" s3 "*)
	# shellcheck source-path=SCRIPTDIR
	. "$TOP/tests/s3.sh"
	s3_start
	s3_mb faults
	s3_open faults
	;;
esac
python3 -B "$TOP/tests/faults/faults.py" "$@"
