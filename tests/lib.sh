# shellcheck shell=sh
# What the shell tests (tests/NN-name.t) share.  A test begins with
#
#	. "$(dirname "$0")/lib.sh"
#
# and ends with done_testing.  It then runs in a new directory, $T, which is
# removed at exit; $TOP is the source tree, the commands under test come first
# on the PATH, then the programs of tests/helper/.  No command under test ever
# stands in a pipe of which only the last status is seen: run() and what is
# built on it capture to the files $T/out and $T/err.

set -u

TOP=$(cd "$(dirname "$0")/.." && pwd)
SEGTOOLS_BUILD=${SEGTOOLS_BUILD:-$TOP/build}
if [ -z "${SEGTOOLS_BIN:-}" ]; then
	SEGTOOLS_BIN=$SEGTOOLS_BUILD/inst/bin
	[ -d "$SEGTOOLS_BIN" ] || SEGTOOLS_BIN=$SEGTOOLS_BUILD/bin
fi
PATH=$SEGTOOLS_BIN:$SEGTOOLS_BUILD/helper:$PATH
export PATH TOP SEGTOOLS_BIN SEGTOOLS_BUILD

# shellcheck source-path=SCRIPTDIR
. "$TOP/tests/await.sh"

# Nothing of the user's settings may reach the commands.
for name in $(env | sed -n 's/^\(\(SEG\|AWS\|LIBSQL\)_[A-Z0-9_]*\)=.*/\1/p'); do
	unset "$name"
done
# Nor does a machine say who we are.
AWS_EC2_METADATA_DISABLED=true
export AWS_EC2_METADATA_DISABLED
T=$(mktemp -d "${TMPDIR:-/tmp}/segtools-test.XXXXXX") || exit 1
mkdir "$T/tmp" "$T/home"
HOME=$T/home TMPDIR=$T/tmp LC_ALL=C.UTF-8 TZ=UTC
export T HOME TMPDIR LC_ALL TZ
umask 022
at_exit() { :; } # s3.sh has something to do there
# What a test that stops half-way has left running.
end_jobs() {
	jobs -p >"$T/jobs"
	while read -r job; do
		kill "$job"
	done <"$T/jobs" 2>/dev/null
}
trap 'end_jobs; at_exit; chmod -R u+rwX "$T" 2>/dev/null; rm -rf "$T"' EXIT
trap 'exit 1' HUP INT TERM
cd "$T" || exit 1

LF='
'
test_n=0
test_failed=0

# Lines for people: shown by "prove -v", or in front of a failed test.
note() {
	printf '%s\n' "$*" | sed 's/^/# /'
}

# verdict WORD DESC: a line of TAP, in which "#" and newlines mean something; a
# process is spent only on a description that has them
verdict() {
	test_n=$((test_n + 1))
	case $2 in
	*#* | *"$LF"*)
		set -- "$1" "$(printf '%s' "$2" | tr '\n#' '  ')"
		;;
	esac
	printf '%s %d - %s\n' "$1" "$test_n" "$2"
}

pass() {
	verdict ok "$*"
}

# fail DESC: with STOP_AT_FAILURE the end of the test, if one is enough to know
fail() {
	test_failed=$((test_failed + 1))
	verdict "not ok" "$*"
	note "FAILED: ${0##*/} $test_n: $*" >&2
	[ -z "${STOP_AT_FAILURE:-}" ] || exit 1
	return 1
}

show_file() {
	head -c 2000 "$1" | cat -v | sed "s/^/#   $2: /" >&2
}

# run CMD...: runs it; its output goes to $T/out and $T/err, its status to $status
run() {
	status=0
	"$@" >"$T/out" 2>"$T/err" || status=$?
}

# ok DESC CMD...: status 0, output in $T/out and $T/err
ok() {
	test_desc=$1
	shift
	run "$@"
	if [ "$status" = 0 ]; then
		pass "$test_desc"
	else
		fail "$test_desc" || note "status $status: $*" >&2
		show_file "$T/out" out
		show_file "$T/err" err
		return 1
	fi
}

# must_fail STATUS CMD...: exactly that status, neither a signal's (129 and up)
# nor a sanitizer's (99); output in $T/out and $T/err
must_fail() {
	test_wanted=$1
	shift
	case $test_wanted in
	[1-9] | [1-8][0-9]) ;;
	*)
		fail "must_fail: $test_wanted is no status to ask for"
		return 1
		;;
	esac
	run "$@"
	if [ "$status" = "$test_wanted" ]; then
		pass "status $status: $*"
	else
		fail "status $test_wanted: $*" || note "was $status" >&2
		show_file "$T/out" out
		show_file "$T/err" err
		return 1
	fi
}

# remover_elsewhere: the text of a lock that another machine's seg-rm holds
remover_elsewhere() {
	cat <<-END
		segtools claim 1
		removal -
		time 1700000000000 2023-11-14T22:13:20.000Z
		writer 
		host elsewhere
		pid 77
		started 5
		boot 00000000-0000-4000-8000-000000000000
		pids pid:[1]
	END
}

# is GOT WANTED DESC: equal strings
is() {
	if [ "$1" = "$2" ]; then
		pass "$3"
	else
		fail "$3"
		printf '%s\n' "$1" | head -c 2000 | cat -v | sed 's/^/#   got: /' >&2
		printf '%s\n' "$2" | head -c 2000 | cat -v | sed 's/^/#   wanted: /' >&2
		return 1
	fi
}

# same FILE FILE DESC: equal contents
same() {
	if cmp "$1" "$2" >"$T/cmp" 2>&1; then
		pass "$3"
	else
		fail "$3"
		show_file "$T/cmp" cmp
		return 1
	fi
}

# err_like PATTERN DESC, out_like PATTERN DESC: an extended regular expression
# matches a line of what the last command said
err_like() {
	like "$T/err" "$@"
}

out_like() {
	like "$T/out" "$@"
}

like() {
	if grep -Eq -e "$2" "$1"; then
		pass "$3"
	else
		fail "$3" || note "nothing like: $2" >&2
		show_file "$1" "${1##*/}"
		return 1
	fi
}

# empty FILE DESC
empty() {
	if [ -f "$1" ] && [ ! -s "$1" ]; then
		pass "$2"
	else
		fail "$2"
		show_file "$1" "${1##*/}"
		return 1
	fi
}

# absent PATH... : there is no such file
absent() {
	for test_path; do
		if [ -e "$test_path" ] || [ -L "$test_path" ]; then
			fail "there is no $test_path"
			return 1
		fi
	done
	pass "there is no $*"
}

# no_leftovers DIR: no temporary file of a command is anywhere below
no_leftovers() {
	is "$(find "$1" -name '.segtmp-*' | LC_ALL=C sort)" "" "no temporary file in $1"
}

# any_file DIR PATTERN: is one there, anywhere below?
any_file() {
	[ -n "$(find "$1" -name "$2" 2>/dev/null)" ]
}

# skip_all REASON: only for want of root or of a tmpfs
skip_all() {
	echo "1..0 # SKIP $*"
	exit 0
}

# as_nobody CMD...: for root: as a user with no rights, who may not even look
# into the build directory; hence a copy of the commands
as_nobody() {
	[ -d "$T/nobody" ] || {
		mkdir "$T/nobody" && cp "$SEGTOOLS_BIN"/seg-* "$T/nobody" &&
			chmod 755 "$T"
	}
	setpriv --reuid 65534 --regid 65534 --clear-groups \
		env "PATH=$T/nobody:$PATH" "$@"
}

# minds PID SIGNAL: does it do by now what it does about that signal (a number)?  A
# shell that is about to become the command has traps of its own.
minds() {
	[ "$(readlink "/proc/$1/exe")" != "$(readlink "/proc/$$/exe")" ] &&
		perl -ne 'BEGIN { $signal = shift }
			$mask |= hex $1 if /^Sig(?:Cgt|Blk):\s*\w{8}(\w{8})/;
			END { exit !($mask >> $signal - 1 & 1) }' "$2" "/proc/$1/status"
}

# interrupted CMD...: it gets SIGINT when it minds it, in the midst of its work
# if that is long; its status
interrupted() {
	# (A shell has what runs in the background ignore it, and not read.)
	{
		perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' "$@" <&3 3<&- &
	} 3<&0
	test_pid=$!
	await minds $test_pid 2
	sleep 0.3
	kill -INT $test_pid 2>/dev/null
	wait $test_pid
}

# fs [FS_LOG=FILE] [FS_FAIL=RULES] [FS_KILL=N] [FS_RUN=RULE] CMD...: on a file
# system that is watched, fails or lacks something (tests/preload/fs.c)
fs() {
	env "LD_PRELOAD=$SEGTOOLS_BUILD/preload/fs.so" \
		"ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0" "$@"
}

# reads PART: how many bytes of files whose path contains it a command read that
# ran with fs FS_READS=$T/reads; forgotten then
reads() {
	awk -v part="$1" 'index($0, part) { n += $1 } END { print n + 0 }' \
		"$T/reads"
	rm -f "$T/reads"
}

# by_clock OFF FAST CMD...: by a clock that is set, or runs faster or slower
# (tests/preload/clock.c)
by_clock() {
	echo "$1 $2" >"$T/clock"
	shift 2
	env "LD_PRELOAD=$SEGTOOLS_BUILD/preload/clock.so" "CLOCK_FILE=$T/clock" \
		"ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0" "$@"
}

# size FILE: its length in bytes
size() {
	stat -c %s "$1"
}

# make_db FILE [ROWS [PAGE_SIZE [JOURNAL_MODE]]]: a database with a table t(id,
# v), v of 200 bytes, and an index; the same arguments give the same contents
make_db() {
	sqlite3 "$1" >/dev/null <<-SQL
		PRAGMA page_size = ${3:-4096};
		PRAGMA journal_mode = ${4:-wal};
		CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT);
		CREATE INDEX t_v ON t(v);
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL
			SELECT i + 1 FROM n WHERE i < ${2:-100})
		INSERT INTO t SELECT i, printf('%0200d', i * 7919 % 100003) FROM n;
	SQL
}

# sql FILE STATEMENTS: with a patient sqlite3
sql() {
	sqlite3 -cmd '.timeout 10000' "$1" "$2"
}

# image DB FILE: the database as a restore of a cut must give it, byte for byte:
# what any reader sees now, WAL included
image() {
	cp "$1" "$2" || return 1
	if [ -f "$1-wal" ]; then
		cp "$1-wal" "$2-wal" &&
			sql "$2" 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null &&
			rm -f "$2-wal" "$2-shm"
	fi
}

# set_of FILE: its records without the end line; fails if there is none
set_of() {
	[ -s "$1" ] && [ -z "$(tail -n 1 "$1")" ] && sed '$d' "$1"
}

done_testing() {
	echo "1..$test_n"
	[ "$test_failed" = 0 ]
	exit
}
