# shellcheck shell=sh
# A fleet of small databases, for tests of many machines.  Sourced after lib.sh.

# fleet N: of so many, six cuts each, some of whose pages are the same, in the
# store
fleet() {
	mkdir store
	SEG_STORE=$T/store
	export SEG_STORE
	i=0
	while [ $i -lt "$1" ]; do
		i=$((i + 1))
		n=$(printf 'db%04d' $i)
		for s in 1 2 3 4 5 6; do
			mkseg cuts "$n" $((s * 4 - 3)) $((s * 4)) $((s * 1000)) \
				9 1 4 1 $((i + s))
		done
		echo
	done >cuts.files
	ok "a fleet" sh -c 'seg-upload <cuts.files >/dev/null'
}

# objects STORE: each with a checksum
objects() {
	(cd "$1/v2/clusters/default/namespaces" && find . -type f -exec cksum {} + |
		sort -k 3)
}
