#!/bin/sh
# Several databases in one run: operands in pairs, and --list.

. "$(dirname "$0")/lib.sh"

TAB=$(printf '\t')
for i in a b c; do
	make_db "$i.db" 20
done
# sets FILE: what each line is: a namespace, the end of a set, "!"
sets() {
	cut -f 1 "$1" | sed -e 's|^w/\([^/]*\)/.*|\1|' -e 's/^$/./' | tr '\n' ' '
}

ok "pairs" seg-cut -d w a a.db b b.db c c.db
is "$(sets out)" 'a . b . c . ' "one set each, in order"
ok "again" seg-cut -d w c c.db a a.db
is "$(sets out)" '. . ' "nothing changed"
must_fail 1 seg-cut -d w a a.db x nothere b b.db
is "$(sets out)" '. ! . ' "one that fails fails alone"
is "$(cat err)" "seg-cut: nothere: No such file or directory" "said once"
sqlite3 b.db 'DELETE FROM t WHERE id = 3'
head -c 5000 /dev/urandom >junk
mkdir dir
must_fail 2 seg-cut -d w d dir j junk b b.db
is "$(sets out)" '! ! b . ' "the greatest status"
must_fail 2 seg-cut -d w a a.db b
must_fail 2 seg-cut -d w a a.db b/ b.db
must_fail 2 seg-cut -d w a a.db b ''
must_fail 2 seg-cut -d w new a.db b b.db new c.db
err_like 'the namespace new twice' "a namespace twice is said"
empty out "nothing is printed"
absent w/new

printf '%s\n' "# a comment" "" "a${TAB}a.db" "b b${TAB}./b.db" >list


ok "--list" seg-cut -d w --list list
is "$(sets out)" '. b b . ' "comments and empty lines are passed over"
ok "--list -" seg-cut -n -d w --list - <list
is "$(sets out)" '. . ' "standard input"
cp a.db "$(printf 'a\tb.db')"
printf 'x\ta\tb.db' >list
ok "no last newline, a TAB in the name" seg-cut -d w --list list
is "$(sets out)" 'x . ' "taken"
for bad in 'a' 'a a.db' "a/b${TAB}a.db" "${TAB}a.db" "y${TAB}" ".${TAB}a.db" \
	" # ${TAB}" "$(printf 'y\ta.db\ny\tb.db')"; do
	printf 'z\ta.db\n%s\n' "$bad" >list
	must_fail 2 seg-cut -d w --list list
	empty out "$bad: nothing printed"
	err_like '^seg-cut: list' "the list is named"
done
printf 'z\ta.db\nq\ta\0b.db\n' >list
must_fail 2 seg-cut -d w --list list
absent w/z w/y w/q
must_fail 2 seg-cut -d w --list nothere
printf '#%20000d\nz\ta.db\nq\t%5000d\n' 0 0 >list
must_fail 2 seg-cut -d w --list list
err_like '^seg-cut: list, line 3: too long$' "a comment may be, no other line"
must_fail 2 seg-cut -d w --list dir
: >list
must_fail 2 seg-cut -d w --list list
must_fail 2 seg-cut -d w --list list a a.db
must_fail 2 seg-cut -d w

# With a store that is not there nothing is printed, whatever comes first
must_fail 2 seg-cut -s nostore -d w a a.db b b.db
empty out "no store: no set"
mkdir st
ok "with a store" seg-cut -s st -d w a a.db b b.db
is "$(sets out)" 'a . b b . ' "each has what the store lacks"
must_fail 3 sh -c 'seg-cut --full -d w a a.db b b.db >/dev/full'

done_testing
