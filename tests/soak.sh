#!/bin/sh
# tests/soak.sh [s3] [OPTION]...: see tests/soak/histories.py; for s3 a service is
# started.  In memory where that is to be had: a sync that costs nothing is one all
# the same.
if [ -z "${TMPDIR:-}" ] && [ -w /dev/shm ]; then
	export TMPDIR=/dev/shm
fi
. "$(dirname "$0")/lib.sh"
if [ "${1:-}" = s3 ]; then
	shift
	# shellcheck source-path=SCRIPTDIR
	. "$TOP/tests/s3.sh"
	s3_start
	s3_mb soak
	s3_open soak
fi
python3 -B "$TOP/tests/soak/histories.py" "$@"
