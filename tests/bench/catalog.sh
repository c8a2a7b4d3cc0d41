# shellcheck shell=sh
# A catalogue of 10,000 namespaces and 1,000,000 segments, against a listing of
# the store itself and sqlite3's own reading of the same rows; CPU time.  It
# takes minutes, most of them for making the 2,000,000 objects, links to those of
# one namespace.

namespaces=${CATALOG_NAMESPACES:-10000}
SEG_STORE=$PWD/store
export SEG_STORE
mkdir -p one/indexes one/segments store/v2/clusters/default/namespaces
awk 'BEGIN { for (i = 1; i <= 100; i++) {
	key = sprintf("18446744073709%06d-%020d-%020d", 551615 - i, i, i)
	print "one/indexes/" key; print "one/segments/" key } }' | xargs touch
seq -f 'n%.0f' "$namespaces" >names
xargs -P 2 -I NAME cp -al one store/v2/clusters/default/namespaces/NAME <names
sqlite3 names.db "CREATE TABLE namespace_configs(namespace TEXT)" \
	".import names namespace_configs"

# took CMD...: its CPU ms in $cpu and peak memory in KiB in $rss
took() {
	rusage used "$@" >out || exit 1
	read -r cpu _ rss <used
}
figure() { # WHAT COMPARED-WITH ITS-MS BOUND
	awk -v w="$1" -v f="$cpu" -v c="$2" -v m="$3" -v b="$4" -v n="$namespaces" 'BEGIN {
		printf "%s: %d namespaces of 100\t%.0f ms CPU\t%.0f ms (%s)\t%.2f\t%s\n",
			w, n, f, m, c, f / m, b }'
}
memory() { # WHAT
	awk -v w="$1" -v r="$rss" 'BEGIN {
		printf "%s: its peak memory\t%.1f MiB\t64 MiB\t%.2f\t< 1\n",
			w, r / 1024, r / 65536 }'
}

took seg-list
list=$cpu
cp out listing
memory "seg-list"
took seg-sync -k cat.db --from-db names.db
figure "seg-sync, the first" seg-list "$list" "< 1.3"
memory "seg-sync, the first"
took seg-sync -k cat.db --full
figure "seg-sync --full, nothing new" seg-list "$list" "< 2"
memory "seg-sync --full"
took seg-sync -k cat.db
figure "seg-sync, nothing new" seg-list "$list" "< 1"
memory "seg-sync"
took sqlite3 -separator '	' cat.db 'SELECT name, end, start, time, bytes
	FROM namespaces JOIN segments ON namespace_id = namespaces.id
	ORDER BY name, end, start, time'
scan=$cpu
took seg-list -k cat.db
figure "seg-list -k" sqlite3 "$scan" "< 2"
figure "seg-list -k" seg-list "$list" "< 1"
memory "seg-list -k"
cmp out listing >&2
