# shellcheck shell=sh
# seg-restore and seg-merge of 1 GiB of pages in 8 segments, all checksums
# verified, against cat of the same bytes to a file; CPU time, medians of five.
# The pages of a segment lie side by side, or scattered among the others'.

# took CMD...: CPU ms; the greatest memory of a run in KiB goes to the file rss
took() {
	rusage used "$@" >out || exit 1
	cut -d' ' -f3 used >>rss
	cut -d' ' -f1 used
}
median() {
	sort -n | sed -n 3p
}

for how in side scattered; do
	rm -rf w
	for s in 0 1 2 3 4 5 6 7; do
		if [ $how = side ]; then
			set -- $((s * 32768 + 1)) 32768 1
		else
			set -- $((s + 1)) 32768 8
		fi
		mkseg w big $((s * 32768 + 1)) $((s * 32768 + 32768)) \
			$((s + 1)) 262144 "$@" >/dev/null || exit 1
	done
	rm -f cats restores merges rss
	for _ in 1 2 3 4 5; do
		took sh -c 'cat w/big/*.seg >copy' >>cats
		rm copy
		took seg-restore db w/big/*.seg >>restores
		rm db
		took seg-merge -d m w/big/*.seg >>merges
		rm -r m
	done
	for what in restore merge; do
		awk -v w="seg-$what: 1 GiB in 8 segments, $how" \
			-v f="$(median <${what}s)" -v c="$(median <cats)" 'BEGIN {
			printf "%s\t%.0f ms CPU\t%.0f ms (cat)\t%.2f\t1.40\n",
				w, f, c, f / c }'
	done
	awk -v w="peak memory of them, $how" '$1 > m { m = $1 } END {
		printf "%s\t%.1f MiB\t64 MiB\t%.2f\t< 1\n", w, m / 1024, m / 65536
	}' rss
done

# More segments than files may be open.
rm -rf w rss
i=0
while [ $i -lt 3000 ]; do
	echo "mkseg w many $((i * 8 + 1)) $((i * 8 + 8)) $((i + 1)) 24000 $((i % 8 * 3000 + i + 1)) 8 7"
	i=$((i + 1))
done | sh >paths || exit 1
took seg-restore -e db <paths >cpu
took seg-merge -e -d m <paths >>cpu
awk '$1 > m { m = $1 } END {
	printf "peak memory, 3,000 segments\t%.1f MiB\t64 MiB\t%.2f\t< 1\n",
		m / 1024, m / 65536 }' rss
