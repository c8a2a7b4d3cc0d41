#!/bin/sh
# Random lives of databases (tests/soak): in short, from a seed that stays; with
# SOAK=1 SOAK_SECONDS of them, an hour, from another one each time, in buckets, too.
. "$(dirname "$0")/lib.sh"

if [ -n "${SOAK:-}" ]; then
	ok "lives" sh "$TOP/tests/soak.sh" s3 -t "${SOAK_SECONDS:-3600}" \
		-s "${SOAK_SEED:-$(date +%s)}"
else
	steps=20
	[ -z "${SANITIZED:-}" ] || steps=8
	ok "a life" sh "$TOP/tests/soak.sh" -w 1 -n 1 -l $steps -s 20261112
fi
out_like ' 0 lives went wrong$' "none went wrong"
note "$(tail -n 1 out)"
done_testing
