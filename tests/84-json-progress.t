#!/bin/sh
# -J on each command that prints records, and progress under a terminal.
. "$(dirname "$0")/lib.sh"

SEG_STORE=$T/store
export SEG_STORE
mkdir store
make_db shop.db 100
seg-cut -d work shop shop.db >cuts
seg-upload <cuts >names
sql shop.db "UPDATE t SET v = 'x' WHERE id = 3"

# fields: what is common to all: the keys in order, an empty line at the end
json() { # json DESC KIND
	is "$(tail -n 1 out)" "" "$1: the set ends with an empty line"
	head -n 1 out | grep -Eq "^\{\"$2\":\"[^\"]+\",\"namespace\":\"shop\",\"start\":[0-9]+,\"end\":[0-9]+,\"time\":\"[0-9]{4}-[0-9TZ:.-]+\",\"pages\":([0-9]+|null),\"bytes\":([0-9]+|null)\}\$"
	is $? 0 "$1: $(head -n 1 out)"
}
ok "seg-cut -J" seg-cut -J -d work shop shop.db
json seg-cut path
seg-list shop >names
for c in seg-list seg-plan seg-fetch seg-verify seg-rm; do
	case $c in
	seg-list) set -- seg-list -J shop ;;
	seg-fetch) set -- seg-fetch -J -d got ;;
	seg-rm) set -- seg-rm -n -F -J ;;
	*) set -- $c -J ;;
	esac
	run "$@" <names
	is "$status" 0 "$* works"
	case $c in
	seg-fetch) json $c path ;;
	*) json $c name ;;
	esac
done
run seg-merge -J -d m <cuts
json seg-merge path
rm -rf store && mkdir store
run seg-upload -J <cuts
json seg-upload name
must_fail 1 sh -c 'printf "!\n" | seg-plan -J'
is "$(cat out)" '{"failed":true}' "a failed set"
# What JSON must escape.
odd='q"'"\\"
mkdir "$odd" && cp -R work/shop "$odd/"
ok 'a path with " and a backslash' seg-verify -J "$odd"/shop/*.seg
grep -q '^{"path":"q\\"\\\\/shop/' out
is $? 0 "is escaped"

# --- progress, by a clock that runs so fast that all takes long, or stands still
set -- work/shop/*.seg
ok "off a terminal" by_clock 0 1000000 seg-verify "$@"
empty err "there is none"
by_clock 0 1000000 script -qec "seg-verify $*" typescript </dev/null >/dev/null
tr '\r' '\n' <typescript >lines
grep -Eq 'seg-verify: [0-9.]+ [KMG]iB, [0-9.]+ [KMG]?i?B/s' lines
is $? 0 "on a terminal it says how far it is"
# glued PATTERN: does that stand behind what is told of progress?
glued() {
	tr '\r' '\n' <typescript >lines
	grep -Eq "B/s.*$1" lines
}
grep -q 'work/shop' typescript && ! glued work/shop
is $? 0 "a record has a line of its own"
make_db asked.db 2000
seg-cut -d work2 asked asked.db >cuts
seg-upload <cuts >names
sql asked.db 'CREATE TABLE w(x); INSERT INTO w VALUES(1)'
seg-cut -d work2 asked asked.db | seg-upload >names2
{ cat names && grep -h . names names2 && echo; } >two
by_clock 0 1000000 script -qec "seg-query 'SELECT id, v FROM t WHERE id % 500 = 0' <names" \
	typescript </dev/null >/dev/null
grep -q '^1000	0' typescript && grep -q 'B/s' typescript && ! glued '	'
is $? 0 "so has a row"
for how in "" --summary; do
	by_clock 0 1000000 script -qec "seg-diff $how <two" typescript </dev/null >/dev/null
	grep -q 'B/s' typescript && grep -Eq 'BEGIN|w	1' typescript &&
		! glued '(PRAGMA|w	1)'
	is $? 0 "and a difference ($how)"
done
by_clock 0 0 script -qec "seg-verify $*" typescript </dev/null >/dev/null
grep -q 'B/s' typescript
is $? 1 "short work says nothing"

objects=store/v2/clusters/default/namespaces
set --
for i in $(seq 1000); do
	mkdir -p "$objects/n$i/indexes"
	: >"$objects/n$i/indexes/$(printf '%020d-%020d-%020d' "$i" 1 1)"
	set -- "$@" --add "n$i"
done
ok "off a terminal" by_clock 0 100000 seg-sync -k cat.db "$@"
empty err "there is none"
empty out "at all"
rm -f cat.db*
by_clock 0 100000 script -qec "seg-sync -k cat.db $*" typescript </dev/null >/dev/null
tr '\r' '\n' <typescript >lines
grep -Eq '^(.\[K)?seg-sync: [0-9]+ namespaces of 1000 namespaces \([0-9]+%\), [0-9]+ namespaces?/s, [0-9]+:[0-9]+ left' lines
is $? 0 "seg-sync says how far it is"
done_testing
