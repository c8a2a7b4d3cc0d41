#!/bin/sh
# tests/mutants.sh BUILD [NAME...]: is each deliberate mistake of tests/mutants
# seen by a test?  Two at a time, each in a copy of the sources of its own; what
# no test sees is named, and the status is 1.
#
# A mistake is a patch.  What stands before it says what a user would lose, and
# in lines that begin with "Tests:" which tests are to see it, the cheapest
# first: unit/NAME, or NAME.t.  The first that fails is enough, and no more is
# built than it needs.  ALL=1: what none of them sees is shown to every test.
#
# tests/mutants.sh -n: whether all of them still apply, to the line, and how many
# each module has (tests/mutants/modules).

top=$(cd "$(dirname "$0")/.." && pwd) || exit
cd "$top" || exit

applies() { # PATCH
	patch -s -p1 -F0 --dry-run <"$1" >/dev/null 2>&1
}

# counted: the modules, and how many mistakes are in their files; 1: too few
counted() {
	sed -n 's,^+++ b/,,p' tests/mutants/*.patch |
		awk 'NR == FNR { n[$1]++; next }
		/^[^#]/ {
			split($0, half, ": *")
			files = split(half[2], file, " ")
			sum = 0
			for (i = 1; i <= files; i++)
				sum += n[file[i]]
			printf "%4d  %s\n", sum, half[1]
			if (sum < 8)
				few = 1
		}
		END { exit few }' - tests/mutants/modules
}

if [ "$1" = -n ]; then
	status=0
	for patch in tests/mutants/*.patch; do
		applies "$patch" || {
			echo "$patch: does not apply any more"
			status=1
		}
	done
	counted || {
		echo "tests/mutants: a module has fewer than eight"
		status=1
	}
	exit $status
fi

build=$(mkdir -p "$1" && cd "$1" && pwd) || exit
shift

# built TREE ARGUMENT...
built() {
	built_tree=$1
	shift
	timeout -k 5 "${limit:-900}" make -s -C "$built_tree" B=build \
		CFLAGS='-O0 -g' "$@" </dev/null >"$built_tree/log" 2>&1
}

# copy TREE: the sources, built
copy() {
	rm -rf "$1" && mkdir -p "$1" &&
		tar -cf - --exclude=./build --exclude=./.git . | tar -xf - -C "$1" &&
		built "$1" all
}

# passes TREE TEST: one that does not end has failed, too
passes() {
	case $2 in
	unit/*)
		built "$1" "build/$2" &&
			SEGTOOLS_BUILD=$1/build timeout 300 "$1/build/$2" \
				</dev/null >"$1/log" 2>&1
		;;
	*)
		STOP_AT_FAILURE=1 built "$1" check UNIT= "TESTS=tests/$2"
		;;
	esac
}

# seen TREE PATCH: by which test; 1: by none
seen() {
	tests=$(sed -n 's/^Tests: //p' "$2")
	[ -z "${ALL:-}" ] || tests="$tests $(cd tests && ls -- *.t)"
	for test in $tests; do
		passes "$1" "$test" || {
			echo "$test"
			return
		}
	done
	return 1
}

# tried TREE PATCH: a line of the table
tried() {
	name=$(basename "$2" .patch)
	if ! patch -s -p1 -F0 -d "$1" <"$2" >"$1/log" 2>&1; then
		echo "STALE     $name: the patch does not apply"
		copy "$1"
		return
	fi
	# shellcheck disable=SC2046
	if ! built "$1" $(sed -n 's,^+++ b/\(.*\)\.c$,build/\1.o,p' "$2"); then
		echo "STALE     $name: does not compile"
	elif by=$(seen "$1" "$2"); then
		echo "seen      $name: $by"
	else
		echo "SURVIVED  $name: $(head -n 1 "$2")"
	fi
	patch -s -R -p1 -d "$1" <"$2"
}

# worker N: whatever is next
worker() {
	copy "$build/$1" || exit
	for patch in $patches; do
		mkdir "$build/taken/$(basename "$patch")" 2>/dev/null &&
			tried "$build/$1" "$patch"
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
rm -rf "$build/taken" && mkdir "$build/taken" || exit
limit=7200
# shellcheck disable=SC2046,SC2086
if ! copy "$build/0" || ! built "$build/0" check "TESTS=$(
	sed -n 's/^Tests: //p' $patches | tr ' ' '\n' | sort -u |
		sed 's,^unit/,build/&,; t; s,^,tests/,' | tr '\n' ' '
)"; then
	tail -n 20 "$build/0/log"
	exit 1
fi
limit=900
worker 0 >"$build/table.0" &
worker 1 >"$build/table.1" &
wait
sort "$build/table.0" "$build/table.1"
awk '{ n[$1]++ } END {
	printf "%d mistakes: %d seen, %d not, %d not made\n", NR, n["seen"],
		n["SURVIVED"], n["STALE"]
	exit n["seen"] != NR }' "$build/table.0" "$build/table.1"
