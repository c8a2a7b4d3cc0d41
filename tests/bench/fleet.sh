# shellcheck shell=sh
# A fleet on one machine, a directory as the store: a round of list and plan where
# there is nothing to do; and a round of merging by three workers beside the same
# by one, CPU time of all that runs.  FLEET_NAMESPACES=10000

namespaces=${FLEET_NAMESPACES:-10000}
SEG_STORE=$PWD/store
export SEG_STORE

# took CMD: its CPU ms in $cpu
took() {
	rusage used sh -c "$1" >out || exit 1
	read -r cpu _ _ <used
}
median() {
	sort -n | sed -n 2p
}

# --- nothing to do: sixteen segments each, merged as far as they are to be
mkdir -p store/v2/clusters/default/namespaces one/indexes one/segments
awk 'BEGIN { for (i = 1; i <= 16; i++) {
	key = sprintf("18446744073709%06d-%020d-%020d", 551615 - i, i, i)
	print "one/indexes/" key; print "one/segments/" key } }' | xargs touch
seq -f 'n%.0f' "$namespaces" |
	xargs -I NAME cp -al one store/v2/clusters/default/namespaces/NAME
for _ in 1 2 3; do
	took 'seg-list | seg-plan -c levels:16'
	if grep -q . out || [ "$(wc -l <out)" != "$namespaces" ]; then exit 1; fi
	echo "$cpu"
done | median >round
awk -v n="$namespaces" -v c="$(cat round)" 'BEGIN {
	printf "list, plan, nothing to do: %d namespaces of 16\t%.0f ms CPU\t%.0f ms\t%.2f\t< 1\n",
		n, c, n, c / n }'
rm -r store

# --- something to do, by one and by three.  In memory, where there is a tmpfs: an
# ext4 without a journal, as many virtual machines have it, takes no inode again
# for minutes after its removal, and looks past all of those for each new file.
if [ -d /dev/shm ]; then
	here=$(mktemp -d /dev/shm/segtools-bench.XXXXXX) || exit 1
	trap 'rm -rf "$here"' EXIT
	cd "$here" || exit 1
	SEG_STORE=$PWD/store
fi
mkdir store
merged=2000
i=0
while [ $i -lt $((merged / 20)) ]; do
	i=$((i + 1))
	for s in 1 2 3 4 5 6; do
		echo "mkseg cuts db$i $((s * 4 - 3)) $((s * 4)) $((s * 1000)) 9 1 4 1 $i"
	done
	echo echo
done | sh >cuts.files || exit 1
seg-upload <cuts.files >/dev/null || exit 1
for n in store/v2/clusters/default/namespaces/*; do
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19; do
		cp -r "$n" "$n-$i"
	done
done
mv store full
cat >round.sh <<'END'
d=$(mktemp -d "$PWD/w.XXXXXX") && seg-plan -c all | seg-fetch -d "$d" |
	seg-merge | seg-upload -m
END
for _ in 1 2 3; do
	rm -rf store w.* && cp -r full store
	took 'seg-list | sh round.sh'
	[ "$(grep -c . out)" = $merged ] || exit 1
	echo "$cpu" >>serial
	rm -rf store w.* && cp -r full store
	took 'seg-list | parallel --will-cite --pipe --regexp --recend "\n!?\n" \
		--block 256k -j 3 sh round.sh'
	[ "$(grep -c . out)" = $merged ] || exit 1
	[ "$(sort -u out | grep -c .)" = $merged ] || exit 1
	echo "$cpu" >>three
done
# What parallel itself takes to hand out the same blocks.
took 'seg-list | parallel --will-cite --pipe --regexp --recend "\n!?\n" \
	--block 256k -j 3 cat'
awk -v a="$(median <three)" -v b="$(median <serial)" -v p="$cpu" 'BEGIN {
	printf "merging 2,000 namespaces, three workers\t%.0f ms CPU\t%.0f ms (one)\t%.2f\t1.10\n",
		a, b, a / b
	printf "the same without GNU parallel'"'"'s own\t%.0f ms CPU\t%.0f ms (one)\t%.2f\t1.10\n",
		a - p, b, (a - p) / b }'
