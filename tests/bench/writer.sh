# shellcheck shell=sh
# What a writer notices of a pipe that cuts its database every 100 ms: how long
# its commits take, the slowest in a thousand; by turns with the pipe and without,
# so that both see the same machine.  Only commits are counted while the pipe is at
# work, not its first cut.

rounds=${WRITER_ROUNDS:-5}
commits=${WRITER_COMMITS:-10000}
mkdir st
SEG_STORE=$PWD/st
export SEG_STORE
commits db 20000 0 >/dev/null
seg-cut -d w shop db | seg-upload -m >/dev/null

# slowest FILE PERMILLE: so many of a thousand took no longer
slowest() {
	grep -v busy "$1" | sort -n | awk -v p="$2" '{ v[NR] = $1 }
		END { i = int(NR * p / 1000); print v[i < 1 ? 1 : i] }'
}
for round in $(seq "$rounds"); do
	commits db "$commits" 500 >>without
	# shellcheck disable=SC2094 # its pid
	{
		seg-cut --every 100ms -d w shop db &
		echo $! >pid
		wait
	} | seg-upload -m >names 2>>said &
	while ! grep -q / names 2>/dev/null; do sleep 0.05; done
	commits db "$commits" 500 >>with
	kill "$(cat pid)"
	wait
	grep -c / names >>sets
	echo "round $round: p99.9 so far $(slowest without 999) $(slowest with 999)" >&2
done
for p in 500 990 999; do
	a=$(slowest without $p) b=$(slowest with $p)
	awk -v a="$a" -v b="$b" -v p=$p 'BEGIN {
		printf "a writer beside seg-cut --every 100ms: p%g of its commits\t%.0f us\t%.0f us without\t%.2f\t%s\n",
			p / 10, b, a, b / a, p == 999 ? "< 1.2" : "-" }'
done
awk '{ n += $1 } END { printf "%d cuts\n", n }' sets >&2
printf 'a writer beside seg-cut --every 100ms: refused as busy\t%d\t%d without\t-\t0\n' \
	"$(grep -c busy with)" "$(grep -c busy without)"
