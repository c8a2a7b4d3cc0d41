# shellcheck shell=sh
# seg-upload and seg-fetch against rclone with as many transfers at a time, on a
# radosgw of their own: 64 objects of 8 MiB, and 2,000 of 16 KiB, each with its
# index; the index objects are copied by rclone too.  Wall time, medians of
# five, taken in turns; and the client's CPU time for a GiB against curl's, which
# gets the same objects one by one into a file.  Uploads over HTTP are signed
# (SHA-256); what they take where that is not needed is a row of its own.

# shellcheck source-path=SCRIPTDIR/..
. "$TOP/tests/bench-s3.sh"

row() { # WHAT OURS THEIRS UNIT NAME BOUND [FACTOR]
	awk -v w="$1" -v a="$(median "$2")" -v b="$(median "$3")" -v u="$4" \
		-v n="$5" -v bound="$6" -v f="${7:-1}" 'BEGIN {
		printf "%s\t%.0f %s\t%.0f %s (%s)\t%.2f\t%s\n", w, a * f, u,
			b * f, u, n, a / b, bound }'
}

rclone='--transfers 16 --checkers 16 --s3-no-check-bucket'

# compare NAME WHAT: the segments in the directory NAME
# shellcheck disable=SC2086
compare() {
	for _ in 1 2 3 4 5; do
		took "$1.rup" rclone $rclone copy "$1" r:bench/r
		SEG_STORE=s3://bench/s took "$1.sup" seg-upload -e <"$1.paths"
		rm -rf rdown sdown
		took "$1.rdown" rclone $rclone copy r:bench/r rdown
		SEG_STORE=s3://bench/s seg-list ns >list
		SEG_STORE=s3://bench/s took "$1.sdown" seg-fetch -d sdown <list
		[ "$1" != big ] || cpu_alone
		rclone $rclone delete r:bench
	done
	row "seg-upload: $2" "$1.sup.wall" "$1.rup.wall" ms rclone "< 1"
	row "seg-fetch: $2" "$1.sdown.wall" "$1.rdown.wall" ms rclone "< 1"
}

cpu_alone() {
	SEG_STORE=s3://bench/u AWS_REQUEST_CHECKSUM_CALCULATION=when_required \
		took plain seg-upload -e <big.paths
	s3_ls bench/s/ | sed -n 's/ 83[0-9]*$//p' | while IFS= read -r key; do
		printf 'url = "%s"\noutput = "%s/curled"\n' \
			"$(s3_url "bench/$key")" "$T"
	done >urls
	took curl curl -q -K "$S3_DIR/curlrc" -K urls
}

i=0
while [ $i -lt 64 ]; do
	mkseg big ns $((i * 2038 + 1)) $((i * 2038 + 2038)) $((i + 1)) 3000 1 \
		2038 1 $i || exit 1
	i=$((i + 1))
done >big.paths
i=0
while [ $i -lt 2000 ]; do
	echo "mkseg small ns $((i * 4 + 1)) $((i * 4 + 4)) $((i + 1)) 3000 1 4 1 $i"
	i=$((i + 1))
done | sh >small.paths || exit 1
compare big "64 objects of 8 MiB"
compare small "2,000 objects of 16 KiB"
row "seg-upload, CPU for a GiB" big.sup.cpu curl.cpu ms "curl, get" - 2
row "the same, not signed" plain.cpu curl.cpu ms "curl, get" "< 700 ms" 2
row "seg-fetch, CPU for a GiB" big.sdown.cpu curl.cpu ms "curl, get" "< 700 ms" 2
cat big.s*.rss small.s*.rss | sort -n | tail -n 1 | awk '{
	printf "peak memory of them\t%.1f MiB\t64 MiB\t%.2f\t< 1\n", $1 / 1024,
		$1 / 65536 }'
