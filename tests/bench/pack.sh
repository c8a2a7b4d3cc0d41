# shellcheck shell=sh
# seg-pack | seg-unpack of 1 GiB of pages in 8 segments, every checksum verified
# at both ends and the files made durable, against tar | tar of the same files
# and one pass of cksum, which reads and sums them; CPU time, medians of five.

# took FILE CMD...: CPU ms; the greatest memory of a run in KiB goes to FILE
took() {
	to=$1
	shift
	rusage used "$@" >out || exit 1
	cut -d' ' -f3 used >>"$to"
	cut -d' ' -f1 used
}
median() {
	sort -n | sed -n 3p
}

for s in 0 1 2 3 4 5 6 7; do
	mkseg w big $((s * 32768 + 1)) $((s * 32768 + 32768)) $((s + 1)) 262144 \
		$((s * 32768 + 1)) 32768 1 || exit 1
done >paths
for _ in 1 2 3 4 5; do
	mkdir t
	took tar.rss sh -c 'tar -cf - w | tar -C t -xf -' >>tars
	rm -r t
	took crc.rss cksum w/big/*.seg >>crcs
	took rss sh -c 'seg-pack -e <paths | seg-unpack -d u' >>packs
	rm -r u
done
awk -v p="$(median <packs)" -v t="$(median <tars)" -v c="$(median <crcs)" 'BEGIN {
	printf "%s\t%.0f ms CPU\t%.0f + %.0f ms (tar | tar, CRC)\t%.2f\t1.30\n",
		"seg-pack | seg-unpack: 1 GiB in 8 segments", p, t, c, p / (t + c) }'
awk '$1 > m { m = $1 } END {
	printf "peak memory of them\t%.1f MiB\t32 MiB\t%.2f\t< 1\n",
		m / 1024, m / 32768 }' rss

# Many small ones: what a member costs.
i=0
while [ $i -lt 2000 ]; do
	echo "mkseg s small $((i + 1)) $((i + 1)) $((i + 1)) 9 1 1"
	i=$((i + 1))
done | sh >paths || exit 1
rm -f tars packs
for _ in 1 2 3 4 5; do
	mkdir t
	took tar.rss sh -c 'tar -cf - s | tar -C t -xf -' >>tars
	rm -r t
	took rss sh -c 'seg-pack -e <paths | seg-unpack -d u' >>packs
	rm -r u
done
awk -v p="$(median <packs)" -v t="$(median <tars)" 'BEGIN {
	printf "%s\t%.0f us CPU a segment\t%.0f us (tar | tar, no fsync)\t%.2f\t-\n",
		"seg-pack | seg-unpack: 2,000 segments of a page", p / 2, t / 2, p / t }'
