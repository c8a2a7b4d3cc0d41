#!/bin/sh
# entrypoint.sh NAMESPACE DB COMMAND [ARGUMENT...]
#
# For a container whose disk does not outlive it: restores DB from the store if
# it is not there, runs the command, protects DB meanwhile, and ends with a last
# cut once the command has ended.  SEG_STORE and credentials come from the
# environment; SEG_EVERY (1s) and SEG_WORK (/var/lib/segtools) may.
#
# Its status is the command's; 70 if what it wrote last is not in the store.

set -eu
if [ $# -lt 3 ]; then
	echo "usage: $0 NAMESPACE DB COMMAND [ARGUMENT...]" >&2
	exit 2
fi
namespace=$1 db=$2
shift 2
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
mkdir "$run"

mkfifo "$run/pipe"
# Both ends are opened here, where none waits for the other: a command that ends
# at once would else have one stopped before it has opened its own.
exec 3<>"$run/pipe"
exec 4<"$run/pipe"
exec 5>"$run/pipe" 3<&-
rm -r "$run"
seg-cut --every "${SEG_EVERY:-1s}" -d "$work" "$namespace" "$db" \
	4<&- >&5 5>&- &
cut=$!
seg-upload -m <&4 4<&- 5>&- >/dev/null &
upload=$!
exec 4<&- 5>&-

# A shell gives what it runs beside it no input and no interrupts.
exec 3<&0
"$@" <&3 3<&- &
program=$!
exec 3<&-
trap 'kill -TERM "$program" 2>/dev/null' TERM INT
for signal in HUP QUIT USR1 USR2; do
	# shellcheck disable=SC2064
	trap "kill -$signal $program 2>/dev/null" $signal
done
status=0
wait "$program" || status=$?
# A trapped signal ends wait: the command may still be at it.
while kill -0 "$program" 2>/dev/null; do
	wait "$program" && status=0 || status=$?
done

trap '' TERM INT HUP QUIT USR1 USR2
kill -TERM "$cut" 2>/dev/null || :
wait "$cut" || :
wait "$upload" || :
# They may have failed, have hardly begun, or have had a signal that was for all,
# and ended before the command did: only a cut from here on has all that it wrote.
seg-cut -d "$work" "$namespace" "$db" | seg-upload -m >/dev/null || exit 70
exit "$status"
