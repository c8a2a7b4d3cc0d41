# shellcheck shell=sh
# seg-plan of 1,000,000 segments: time and memory.  Beside it what sort needs
# for the same lines.
awk 'BEGIN { for (i = 1; i <= 1000000; i++)
	printf "a/18446744073%09d-%020d-%020d\t%d\t%d\t-\t1\t4176\n",
		709551615 - i, i, i, i, i
	print "" }' >in
rusage used sort in >/dev/null
read -r sort_cpu _ <used
rusage used seg-plan <in >out || exit 1
read -r cpu wall rss <used
[ "$(wc -l <out)" = 1000001 ] || exit 1
awk -v c="$cpu" -v w="$wall" -v r="$rss" -v s="$sort_cpu" 'BEGIN {
	printf "seg-plan: 1,000,000 segments\t%.0f ms CPU\t%.0f ms (sort)\t%.2f\t< 1000 ms\n", c, s, c / s
	printf "seg-plan: 1,000,000 segments, wall\t%.0f ms\t2000 ms\t%.2f\t< 1\n", w, w / 2000
	printf "seg-plan: its peak memory\t%.0f MiB\t150 MiB\t%.2f\t< 1\n", r / 1024, r / 1024 / 150 }'
