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
namespace=$1 db=$2
shift 2
work=${SEG_WORK:-/var/lib/segtools}
mkdir -p "$work"

restore() {
	seg-list "$namespace" >"$work/list" || {
		# Nothing there: a namespace that is new.
		[ $? = 1 ] && [ "$(cat "$work/list")" = "" ] && return
		exit 70
	}
	seg-plan <"$work/list" | seg-fetch -d "$work" | seg-restore "$db" ||
		exit 70
}
[ -e "$db" ] || restore

rm -f "$work/pipe"
mkfifo "$work/pipe"
# Both ends are opened here, where none waits for the other: a command that ends
# at once would else have one stopped before it has opened its own.
exec 3<>"$work/pipe"
exec 4<"$work/pipe"
exec 5>"$work/pipe" 3<&-
seg-cut --every "${SEG_EVERY:-1s}" -d "$work" "$namespace" "$db" \
	4<&- >&5 5>&- &
cut=$!
seg-upload -m <&4 4<&- 5>&- >/dev/null &
upload=$!
exec 4<&- 5>&-

"$@" &
program=$!
trap 'kill -TERM "$program" 2>/dev/null' TERM INT
status=0
wait "$program" || status=$?
# A trapped signal ends wait: the command may still be at it.
while kill -0 "$program" 2>/dev/null; do
	wait "$program" && status=0 || status=$?
done

trap '' TERM INT
kill -TERM "$cut" 2>/dev/null || :
saved=0
wait "$cut" || saved=$?
wait "$upload" || saved=$?
# What failed, or had hardly begun, is made good by one that stands alone.
[ "$saved" = 0 ] ||
	seg-cut -d "$work" "$namespace" "$db" | seg-upload -m >/dev/null ||
	exit 70
exit "$status"
