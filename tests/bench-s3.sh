# shellcheck shell=sh
# What the benches with an S3 service share: sourced first; a radosgw of its own,
# its bucket "bench", also as rclone's "r:", and figures.

T=$PWD
note() {
	echo "$*" >&2
}
fail() {
	note "FAILED: $*"
	return 1
}
done_testing() {
	exit 1
}
# shellcheck source-path=SCRIPTDIR
. "$TOP/tests/await.sh"
. "$TOP/tests/s3.sh"
trap at_exit EXIT
trap 'exit 1' HUP INT TERM
unset AWS_CA_BUNDLE AWS_PROFILE http_proxy https_proxy
command -v rclone >/dev/null || {
	note "the Debian package rclone is needed"
	exit 1
}
s3_start
s3_mb bench
RCLONE_CONFIG=$T/rclone.conf
export RCLONE_CONFIG
printf '[r]\ntype = s3\nprovider = Ceph\nenv_auth = true\nendpoint = %s\n' \
	"$AWS_ENDPOINT_URL_S3" >"$RCLONE_CONFIG"

# took FILE CMD...: its wall and CPU ms, and its KiB, go to FILE.*
took() {
	took_to=$1
	shift
	rusage used "$@" >out || exit 1
	cut -d' ' -f2 used >>"$took_to.wall"
	cut -d' ' -f1 used >>"$took_to.cpu"
	cut -d' ' -f3 used >>"$took_to.rss"
}

# median FILE: of five
median() {
	sort -n "$1" | sed -n 3p
}
