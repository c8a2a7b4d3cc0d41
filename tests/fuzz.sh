#!/bin/sh
# tests/fuzz.sh BUILD SECONDS FUZZER...: each on its seeds, tests/data/fuzz/NAME
# (or history, of those that read histories), which must reach as many places in
# the code ("cov" of libFuzzer) as tests/data/fuzz/reach says; then for so many
# seconds on from them.  What is found lies in BUILD and is to become a seed, or
# another test.

build=$1
seconds=$2
shift 2
status=0

seeds_of() {
	if [ -d "tests/data/fuzz/$1" ]; then
		echo "tests/data/fuzz/$1"
	else
		echo tests/data/fuzz/history
	fi
}

printf '%-10s %6s %8s %8s\n' target seeds reached wanted
for fuzzer; do
	name=$(basename "$fuzzer")
	seeds=$(seeds_of "$name")
	"$fuzzer" -runs=0 -rss_limit_mb=512 "$seeds" >"$build/$name.log" 2>&1 || {
		cat "$build/$name.log"
		exit 1
	}
	reached=$(sed -n 's/.*INITED *cov: \([0-9]*\).*/\1/p' "$build/$name.log")
	wanted=$(awk -v n="$name" '$1 == n { print $2 }' tests/data/fuzz/reach)
	printf '%-10s %6d %8d %8d\n' "$name" "$(find "$seeds" -type f | wc -l)" \
		"${reached:-0}" "${wanted:-0}"
	[ "${reached:-0}" -ge "${wanted:-1}" ] || {
		echo "$name: its seeds reach less than they are to" >&2
		status=1
	}
done
[ $status = 0 ] && [ "$seconds" -gt 0 ] || exit $status
for fuzzer; do
	name=$(basename "$fuzzer")
	mkdir -p "$build/corpus/$name"
	"$fuzzer" -max_total_time="$seconds" -rss_limit_mb=512 -timeout=10 \
		-artifact_prefix="$build/$name-" "$build/corpus/$name" \
		"$(seeds_of "$name")" >"$build/$name.log" 2>&1 || {
		tail -n 40 "$build/$name.log"
		exit 1
	}
	printf '%-10s %s\n' "$name" "$(grep cov: "$build/$name.log" | tail -n 1)"
done
