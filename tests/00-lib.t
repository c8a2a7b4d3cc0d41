#!/bin/sh
# The test library itself: what is to fail there fails.
. "$(dirname "$0")/lib.sh"

# fails CMD...: the assertion prints "not ok" and returns 1
fails() {
	lines=$("$@" 2>/dev/null) && return 1
	case $lines in
	"not ok "*) return 0 ;;
	*) return 1 ;;
	esac
}

crash() {
	sh -c 'kill -SEGV $$'
}

ok "ok: status 0" true
ok "ok: refuses another status" fails ok x false
ok "must_fail: refuses success" fails must_fail 1 true
ok "must_fail: refuses another status" fails must_fail 2 false
ok "must_fail: refuses a signal" fails must_fail 1 crash
ok "must_fail: cannot be told to take a sanitizer's status" \
	fails must_fail 99 sh -c 'exit 99'
must_fail 3 sh -c 'echo out; echo err >&2; exit 3'
is "$(cat "$T/out") $(cat "$T/err")" "out err" "output is captured"
err_like '^e.r$' "err_like: matches"
ok "err_like: refuses" fails err_like '^nothing$' x
ok "is: refuses" fails is a b x
printf 'a\n' >a
printf 'b\n' >b
ok "same: refuses other contents" fails same a b x
ok "same: refuses a missing file" fails same a missing x
ok "absent: refuses" fails absent a
is "$(printf '' | cat)" "" "is: empty strings"
printf 'x\ty\n' >s
run set_of s
is "$status" 1 "set_of: a set without an end line fails"
printf 'x\ty\n\n' >s
is "$(set_of s)" "$(printf 'x\ty')" "set_of: the records"
make_db d.db 50 1024 wal
image d.db d.img
is "$(sqlite3 d.img 'SELECT count(*) FROM t; PRAGMA page_size; PRAGMA integrity_check')" \
	"$(printf '50\n1024\nok')" "make_db and image"
is "$(verdict ok 'one # two
three' | sed 's/[0-9][0-9]* - //')" "ok one   two three" \
	"a description is one line without a comment"
is "${SEG_STORE-unset}${AWS_PROFILE-unset}" unsetunset "no settings leak in"
done_testing
