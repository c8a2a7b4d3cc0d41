#!/bin/sh
# seg-diff of random pairs of states: the SQL gives the second, that of --undo the
# first again, in all rows of all tables, types and bytes.
. "$(dirname "$0")/lib.sh"

pairs=40
[ -z "${SANITIZED:-}" ] || pairs=12
[ -z "${SOAK:-}" ] || pairs=300
seed=${SEED:-20261128}
[ -z "${SOAK:-}" ] || seed=${SEED:-$(date +%s)}
note "SEED=$seed"
SEG_STORE=$T/store
export SEG_STORE
mkdir pairs && cd pairs || exit 1
ok "$pairs random pairs" /usr/bin/python3 "$TOP/tests/diff-random.py" "$pairs" "$seed"
is "$(tail -n 1 "$T/out")" "$pairs pairs, 0 wrong" "replayed, undone, counted" ||
	head -c 4000 "$T/out" >&2
no_leftovers .
done_testing
