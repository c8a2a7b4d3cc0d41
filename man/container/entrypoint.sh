#!/bin/sh
# entrypoint.sh NAMESPACE DB COMMAND [ARGUMENT...]
#
# For a container whose disk does not outlive it: restores DB from the store if
# it is not there, runs the command, protects DB meanwhile, and ends with a last
# cut once the command has ended.  SEG_STORE and credentials come from the
# environment; SEG_EVERY (1s) and SEG_WORK (/var/lib/segtools) may.
#
# Its status is the command's; 70 if what it wrote last is not in the store; 2,
# and the command is not run, if SEG_EVERY is no interval.
#
# When seg-cut or seg-upload ends while the command runs, whatever its status,
# stderr says so, and both are started again, after a second, then two, four, up
# to a minute.  There is no giving up: a store that is missing (2) may come back,
# and a line a minute is better than a database that nobody protects.

set -eu
if [ $# -lt 3 ]; then
	echo "usage: $0 NAMESPACE DB COMMAND [ARGUMENT...]" >&2
	exit 2
fi
namespace=$1 db=$2 every=${SEG_EVERY:-1s}
shift 2
seg-cut --every "$every" -h >/dev/null # is it an interval?
# A standard input that is closed could not be handed on below.
(exec 3<&0) 2>/dev/null || exec </dev/null
work=${SEG_WORK:-/var/lib/segtools}
# What is needed in between: others may use that directory, too, but for what is in
# the namespace's own.
run=$work/$namespace/.run
mkdir -p "$run"

restore() {
	seg-list "$namespace" >"$run/list" || {
		# Nothing there: a namespace that is new.
		[ $? = 1 ] && [ "$(cat "$run/list")" = "" ] && return
		exit 70
	}
	seg-plan <"$run/list" | seg-fetch -d "$run" | seg-restore "$db" ||
		exit 70
}
[ -e "$db" ] || restore
rm -rf "$run"

# wait_for PID: until it has ended; its status in $status
wait_for() {
	wait "$1" && status=0 || status=$?
	# A trapped signal ends wait: the process may still be at it.
	while kill -0 "$1" 2>/dev/null; do
		wait "$1" && status=0 || status=$?
	done
}

# Runs it instead of the shell, but for one that was forked when the end came:
# the signal may have met it before it could die of it.
unless_ended() {
	[ -e "$run/ended" ] || exec "$@"
}

# Both at work, until both have ended; their statuses in $cut and $upload
protect_once() {
	mkdir -p "$run" && rm -f "$run/pipe" && mkfifo "$run/pipe" || return
	# 3 has both ends, so that 4 and 5 are opened without waiting.  The trap
	# below ends what was started last: seg-cut, and seg-upload by that.
	# shellcheck disable=SC2094
	{
		unless_ended seg-upload -m <&4 3<&- 4<&- 5>&- &
		upload=$!
		unless_ended seg-cut --every "$every" -d "$work" \
			"$namespace" "$db" >&5 3<&- 4<&- 5>&- &
		cut=$!
	} 3<>"$run/pipe" 4<"$run/pipe" 5>"$run/pipe" || return
	# It ends by itself when seg-cut has.
	wait_for "$upload"
	upload=$status
	kill -TERM "$cut" 2>/dev/null
	wait_for "$cut"
	cut=$status
}

# Until SIGTERM
protect() {
	set +e
	trap 'mkdir -p "$run/ended"; kill -TERM ${!:-} 2>/dev/null' TERM
	trap '' HUP INT QUIT USR1 USR2
	pause=1
	while :; do
		began=$(date +%s) cut=- upload=-
		protect_once
		[ ! -e "$run/ended" ] || break
		[ $(($(date +%s) - began)) -lt 60 ] || pause=1
		echo "${0##*/}: seg-cut ended with status $cut, seg-upload" \
			"with $upload: started again in $pause s" >&2
		unless_ended sleep "$pause" &
		wait_for $!
		[ ! -e "$run/ended" ] || break
		pause=$((pause < 30 ? pause * 2 : 60))
	done
}
protect >/dev/null &
protector=$!

# Signals are the command's; those that come before it has begun, too.
program='' early=''
pass() { # SIGNAL
	if [ "$program" ]; then
		kill "-$1" "$program" 2>/dev/null || :
	else
		early="$early $1"
	fi
}
trap 'pass TERM' TERM INT
for signal in HUP QUIT USR1 USR2; do
	# shellcheck disable=SC2064
	trap "pass $signal" $signal
done
# A shell gives what it runs beside it no input and no interrupts.
exec 3<&0
"$@" <&3 3<&- &
program=$!
exec 3<&-
for signal in $early; do
	kill "-$signal" "$program" 2>/dev/null || :
done
wait_for "$program"
ended=$status

trap '' TERM INT HUP QUIT USR1 USR2
kill -TERM "$protector" 2>/dev/null || :
wait "$protector" || :
rm -rf "$run" || :
# They may have failed, have hardly begun, or have had a signal that was for all,
# and ended before the command did: only a cut from here on has all that it wrote.
seg-cut -d "$work" "$namespace" "$db" | seg-upload -m >/dev/null || exit 70
exit "$ended"
