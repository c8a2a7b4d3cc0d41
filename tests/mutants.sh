#!/bin/sh
# tests/mutants.sh BUILD [NAME...]: is each deliberate mistake of tests/mutants
# seen by a test?  Two at a time, each in a copy of the sources of its own; what
# no test sees is named, and the status is 1.
#
# A mistake is a patch.  What stands before it says what a user would lose, and
# in lines that begin with "Tests:" which tests are to see it: NAME.t, or
# unit/NAME.  The first that fails is enough.

build=$(mkdir -p "$1" && cd "$1" && pwd) || exit
shift
top=$(cd "$(dirname "$0")/.." && pwd) || exit
cd "$top" || exit

# copy TREE: the sources, built
copy() {
	rm -rf "$1" && mkdir -p "$1" &&
		tar -cf - --exclude=./build --exclude=./.git . | tar -xf - -C "$1" &&
		compile "$1" all
}

compile() { # TREE TARGET...
	compile_tree=$1
	shift
	make -s -C "$compile_tree" B=build CFLAGS='-O0 -g' "$@" \
		>"$compile_tree/log" 2>&1
}

# seen TREE PATCH: by which test; 1: by none
seen() {
	sed -n 's/^Tests: //p' "$2" | tr ' ' '\n' >"$1.tests"
	while read -r test; do
		case $test in
		unit/*) test=build/$test ;;
		*) test=tests/$test ;;
		esac
		compile "$1" check "TESTS=$test" </dev/null || {
			echo "${test#*/}"
			return
		}
	done <"$1.tests"
	return 1
}

# tried TREE PATCH: a line of the table
tried() {
	name=$(basename "$2" .patch)
	if ! patch -s -p1 -d "$1" <"$2" >"$1/log" 2>&1; then
		echo "STALE     $name: the patch does not apply"
		rm -rf "$1"
		copy "$1"
	elif ! compile "$1" inst; then
		echo "STALE     $name: does not compile"
		patch -s -R -p1 -d "$1" <"$2"
	else
		if by=$(seen "$1" "$2"); then
			echo "seen      $name: $by"
		else
			echo "SURVIVED  $name: $(head -n 1 "$2")"
		fi
		patch -s -R -p1 -d "$1" <"$2"
	fi
}

# worker N: every second of them
worker() {
	copy "$build/$1" || exit
	i=0
	for patch in $patches; do
		i=$((i + 1))
		[ $((i % 2)) != "$1" ] || tried "$build/$1" "$patch"
	done
}

patches=
for name in "${@:-}"; do
	for patch in "$top/tests/mutants/"${name:-*}.patch; do
		[ -f "$patch" ] || {
			echo "tests/mutants.sh: $patch: no such mistake" >&2
			exit 2
		}
		patches="$patches $patch"
	done
done

# A test that fails anyway has seen nothing.
# shellcheck disable=SC2046,SC2086
if ! copy "$build/0" || ! compile "$build/0" check "TESTS=$(
	sed -n 's/^Tests: //p' $patches | tr ' ' '\n' | sort -u |
		sed 's,^unit/,build/&,; t; s,^,tests/,' | tr '\n' ' '
)"; then
	tail -n 20 "$build/0/log"
	exit 1
fi
worker 0 >"$build/table.0" &
worker 1 >"$build/table.1" &
wait
sort "$build/table.0" "$build/table.1"
awk '{ n[$1]++ } END {
	printf "%d mistakes: %d seen, %d not, %d not made\n", NR, n["seen"],
		n["SURVIVED"], n["STALE"]
	exit n["seen"] != NR }' "$build/table.0" "$build/table.1"
