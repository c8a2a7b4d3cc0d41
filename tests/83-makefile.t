#!/bin/sh
# The Makefile of segtools(7) and its xargs, over 200 databases: killed in the
# middle, the rerun finishes, and does nothing twice.
. "$(dirname "$0")/lib.sh"

n=200
[ -z "${SANITIZED:-}" ] || n=90
unset MAKEFLAGS MAKELEVEL MFLAGS
SEG_STORE=$T/store
export SEG_STORE
mkdir store db
awk '/^\\&\.RECIPEPREFIX/ { on = 1 } /^\.Ed/ { on = 0 } on' \
	"$TOP/man/segtools.7" | sed 's/^\\&//; s/\\e/\\/' >Makefile
is "$(grep -c '^>' Makefile)" 10 "the manual's Makefile"
awk '/^```make$/ { on = 1; next } on && /^```$/ { exit } on' \
	"$TOP/README.md" >Makefile.readme
same Makefile.readme Makefile "the README has the same"

make_db db/db001.db 30
i=2
while [ $i -le $n ]; do
	cp db/db001.db "$(printf 'db/db%03d.db' $i)"
	i=$((i + 1))
done

# counted: every command leaves a line for each namespace that it changed
mkdir bin
for c in seg-cut seg-upload; do
	cat >bin/$c <<-END
		#!/bin/sh
		# not beyond the middle
		[ ! -e hold ] || [ "\$(ls done/1/*.cut 2>/dev/null | wc -l)" -lt \
			$((n * 3 / 10)) ] || { : >held; exec sleep 1000; }
		"$SEGTOOLS_BIN/$c" "\$@" >"\$\$.out"
		status=\$?
		grep -v '^\$' "\$\$.out" | sed 's/^/$c /' >>log.$c
		cat "\$\$.out"
		rm "\$\$.out"
		exit \$status
	END
	chmod +x bin/$c
done
PATH=$T/bin:$PATH

# Killed with all that it has started, after about a third.
: >hold
setsid make -j4 ROUND=1 >make.1 2>&1 &
pid=$!
done_files() { # done_files SUFFIX: how many of the first round
	find done/1 -name "*.$1" 2>/dev/null | wc -l
}
await test -e held
kill -9 -$pid 2>/dev/null
wait $pid 2>/dev/null
rm -f ./*.out hold
before=$(done_files pruned)
[ "$before" -lt $n ]
is $? 0 "killed in the middle ($before of $n done)"
ls done/1/*.cut >cut.before
ok "the rerun" make -j4 ROUND=1
is "$(done_files pruned)" $n "finishes all"
sed 's/.*\///; s/\.cut$//' cut.before | while read -r f; do
	[ "$(grep -c "^seg-upload $f/" log.seg-upload)" = 1 ] || echo "$f"
done >twice
empty twice "what was cut and uploaded before is not done again"
run seg-list
cp out listing
is "$(grep -c . listing)" $n "one segment for each database"
is "$(cut -d/ -f1 listing | grep . | sort -u | wc -l)" $n "no more, no less"
ok "all are whole" seg-verify -q <listing

# A second round: something changes in a tenth of them.
for f in db/db*7.db; do
	sql "$f" "UPDATE t SET v = 'x' WHERE id < 5"
done
ok "the second round" make -j4 ROUND=2
run seg-list
is "$(grep -c . out)" $((n + n / 10)) "took what had changed, and no more"
ok "once more" make -j4 ROUND=2
out_like "Nothing to be done|up to date|^make" "nothing to do"

# A restore of all, by xargs.
mkdir got
ok "restored by xargs" sh -c 'seg-list -N | xargs -P 4 -I NAME sh -c "
	seg-list NAME | seg-plan | seg-fetch -q -d work.NAME |
		seg-restore got/NAME.db"'
bad=
for f in db/*.db; do
	image "$f" want
	cmp -s want "got/${f##*/}" || bad="$bad $f"
done
is "$bad" "" "each is the database that it was"
# One that looks like an option
make_db dash.db 10
seg-cut -d work -- -N dash.db | seg-upload >/dev/null
ok "the manual's xargs" sh -c "seg-list -N | xargs -d '\\n' -P 8 -I NAME sh -c '
	seg-list -- \"\$1\" | seg-plan -x -o 0s | seg-rm >/dev/null' sh NAME"
for f in man/segtools.7 README.md; do
	grep -q '^  seg-list -- .* | seg-plan -x -o 7d' "$TOP/$f"
	is $? 0 "is that of $f"
done

# The manual's share of the work, of more shares than there is work; and where
# there is no listing
sed -n '/^#!\/bin\/sh/,/^\.Ed/p' "$TOP/man/segtools.7" |
	sed '/^\.Ed/d; s/\\e/\\/g' >shard.sh
is "$(grep -c seg- shard.sh)" 3 "the manual's script"
seg-list -N >names
ok "a share of nothing" sh shard.sh 0 $(($(wc -l <names) + 1))
empty todo.0 "has nothing to do, and does not fail"
for i in 0 1 2; do
	ok "a share of three" sh shard.sh $i 3
done
cat todo.* | grep -v '^$' | cut -d/ -f 1 | sort -u >done.names
LC_ALL=C sort names >want
LC_ALL=C sort done.names | cmp - want
is $? 0 "each namespace is in one"
run env SEG_STORE="$T/nowhere" sh shard.sh 0 2
is "$((status > 0))" 1 "without a store it fails"
no_leftovers .
done_testing
