#!/bin/sh
# Several writers and removers at once, on a directory store: a history never
# forks, removals do not add up to a loss, and the same work twice is no error.
. "$(dirname "$0")/lib.sh"

SEG_STORE=$T/store
export SEG_STORE
claims=store/v2/clusters/default/claims
objects=store/v2/clusters/default/namespaces
races=30
[ -n "${SOAK:-}" ] && races=1000

# base: 1-20; then eight that continue it, of several lengths, in work
# directories of their own
mkseg base shop 1 20 100 20 1 20 >base.f
for w in 1 2 3 4 5 6 7 8; do
	mkseg "w$w" shop 21 $((22 + w % 3)) $((200 + w)) 20 1 $((2 + w % 3)) 1 "$w" >"w$w.f"
done
begin() {
	rm -rf store
	seg-upload --create "$(cat base.f)" >/dev/null
}

# one_winner W...: of those that ran, with statuses c.W and errors e.W; $winner
one_winner() {
	winners='' bad=''
	for w; do
		case $(cat "c.$w") in
		0) winners="$winners $w" ;;
		1)
			grep -q "refused: .*$(uname -n) (process [0-9]*) at 20" "e.$w" ||
				bad="$bad $w(no host or time)"
			;;
		3) ;;
		*) bad="$bad $w(status $(cat "c.$w"))" ;;
		esac
	done
	[ "$(echo "$winners" | wc -w)" -le 1 ] || bad="$bad forked by$winners"
	winner=${winners# }
	# what the winner was told is in the plan, and nothing else
	seg-list shop | seg-plan >plan 2>/dev/null
	n=$(seg-list shop | grep -c .)
	if [ -n "$winner" ] && [ "$(echo "$winner" | wc -w)" = 1 ]; then
		grep -q "$(sed 's,.*/\([^/]*\)\.seg,\1,' "w$winner.f")" plan ||
			bad="$bad $winner is not in the plan"
		[ "$n" = 2 ] || bad="$bad $n segments"
	fi
	[ -z "$bad" ]
}

upload_in_background() { # W
	{
		seg-upload "$(cat "w$1.f")" >/dev/null 2>"e.$1"
		echo $? >"c.$1"
	} &
}

none=0
for i in $(seq "$races"); do
	begin
	set -- 1 2
	case $((i % 3)) in
	1) set -- 1 2 3 4 ;;
	2) set -- 1 2 3 4 5 6 7 8 ;;
	esac
	for w; do upload_in_background "$w"; done
	wait
	one_winner "$@" || {
		fail "race $i of $#:$bad"
		cat e.*
	}
	[ -n "$winner" ] || none=$((none + 1))
done
pass "$races races of 2, 4 and 8: at most one is told that it is done"
is "$none" 0 "and one is"

# --- what a killed writer leaves

# claimed END KEY-OF [PID [STARTED]]: a claim of this machine
claimed() {
	mkdir -p "$claims/shop"
	cat >"$claims/shop/$(printf %020d "$1")" <<-END
		segtools claim 1
		key $(sed 's,.*/\([^/]*\)\.seg,\1,' "$2")
		time 1700000000000 2023-11-14T22:13:20.000Z
		writer ${5:-11111111-2222-4333-8444-555555555555}
		host $(uname -n)
		pid ${3:-1}
		started ${4:-1}
		boot $(cat /proc/sys/kernel/random/boot_id)
		pids $(readlink /proc/self/ns/pid)
	END
}
sleep 0 &
dead=$!
wait $dead

begin
claimed 20 w1.f "$dead"
must_fail 3 seg-upload --busy-timeout 50 "$(cat w2.f)"
err_like "shop: END 20 was claimed for .* by $(uname -n) \(process $dead\) at 2023-11-14T22:13:20.000Z, .*-F takes over" \
	"another's claim: for what, by whom, when"
is "$(seg-list shop | grep -c .)" 1 "nothing is published"
ok "-O" seg-list -O shop
is "$(cut -f 1-4 out)" "shop/claim-00000000000000000020	-	20	$(cut -f 4 out | head -n 1)" "lists the claim of a dead one"
cp out dead.set
ok "its own next run" seg-upload --busy-timeout 50 "$(cat w1.f)"
ok "-O" seg-list -O shop
is "$(grep -c . out)" 0 "a claim that has done its work is none"

begin
claimed 20 w1.f "$dead"
ok "seg-rm" seg-rm <dead.set
is "$(cut -f 1 out)" "shop/claim-00000000000000000020" "prints the claim"
absent "$claims/shop/00000000000000000020"
ok "the way is free" seg-upload --busy-timeout 0 "$(cat w2.f)"

# In one set with an orphan: both go.
begin
claimed 20 w1.f "$dead"
at=store/v2/clusters/default/namespaces/shop
key=$(basename "$(cat w1.f)" .seg)
cp "$(cat w1.f)" "$at/segments/$key"
touch -d '3 days ago' "$at/segments/$key"
ok "-O" seg-list -O shop
is "$(grep -c . out)" 2 "an orphan and a claim"
cp out mixed.set
ok "seg-rm" seg-rm <mixed.set
is "$(grep -c . out)" 2 "prints both"
absent "$claims/shop/00000000000000000020" "$at/segments/$key"

begin
claimed 20 w1.f $$ 0
must_fail 1 seg-rm shop/claim-00000000000000000020
err_like "its owner may be alive" "one of the living is not removed"
touch -d tomorrow "$claims/shop/00000000000000000020"
must_fail 1 seg-rm shop/claim-00000000000000000020
err_like "its owner may be alive" "nor one whose machine is ahead of the clock"
ok "-F" seg-upload -F --busy-timeout 50 "$(cat w2.f)"
must_fail 1 seg-upload "$(cat w1.f)"
err_like "refused" "and whoever comes late is refused"

begin
mkdir -p "$claims/shop"
head -c 100000 /dev/zero >"$claims/shop/00000000000000000020"
must_fail 1 seg-upload --busy-timeout 50 "$(cat w2.f)"
err_like "claims/shop/0*20: too large" "a claim without end"
printf 'segtools claim 1\nkey nonsense\n' >"$claims/shop/00000000000000000020"
must_fail 1 seg-upload --busy-timeout 50 "$(cat w2.f)"
err_like "claims/shop/0*20: not a claim" "a claim that is none"
for line in 's/claim 1$/claim 9/' '/^host/d'; do
	claimed 20 w1.f $$ 0
	sed -i "$line" "$claims/shop/00000000000000000020"
	must_fail 1 seg-upload --busy-timeout 50 "$(cat w2.f)"
	err_like "claims/shop/0*20: not a claim" "one of another version, or of nobody"
done
cp "$claims/shop/00000000000000000020" "$claims/shop/5"
touch -d '3 days ago' "$claims/shop/5"
ok "-O" seg-list -O shop
is "$(grep -c 'claim-5' out)" 0 "another name is no claim's"
rm "$claims/shop/5"
printf 'segtools claim 1\nkey nonsense\n' >"$claims/shop/00000000000000000020"
ok "-F takes it over" seg-upload -F --busy-timeout 50 "$(cat w2.f)"

# the same work directory, another segment
begin
make_db shop.db 50
rm -rf cut
ok "a cut" seg-cut -d cut cuts shop.db
cp out first.set
ok "uploaded" seg-upload -m <first.set
uuid=$(cat cut/.segtools-writer)
like cut/.segtools-writer '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f-]{17}$' \
	"a work directory has a UUID"
sql shop.db "UPDATE t SET v = 'x' WHERE id = 1"
ok "another cut" seg-cut -d cut cuts shop.db
cp out next.set
end=$(seg-list cuts | sed -n '1s/^[^	]*	[^	]*	\([0-9]*\)	.*/\1/p')
mkdir -p "$claims/cuts"
claimed "$end" w1.f "$dead" 1 "$uuid"
mv "$claims/shop/$(printf %020d "$end")" "$claims/cuts/"
cp -r "$claims/cuts" dead.claims
sed -i "s/^pid .*/pid $$/; s/^started .*/started 0/" "$claims/cuts/"*
must_fail 3 seg-upload --busy-timeout 50 <next.set
err_like "was claimed for .* \(process $$\)" "its own living process"
cp dead.claims/* "$claims/cuts"
ok "its own dead process" seg-upload --busy-timeout 50 <next.set

# dead, though nobody has asked how it ended: it still has its pid
perl -e '$p = fork // die; exit unless $p; $| = 1; print "$p\n"; sleep 6000' \
	>zombie.pid &
parent=$!
await test -s zombie.pid
zombie=$(cat zombie.pid)
await grep -q '^State:	Z' "/proc/$zombie/status"
rm "$objects/cuts/indexes/"*"$(sed -n 1p next.set | cut -f 1 | sed 's,.*-,,; s/.seg$//')"
claimed "$end" w1.f "$zombie" 0 "$uuid"
mv "$claims/shop/$(printf %020d "$end")" "$claims/cuts/"
ok "a zombie is dead" seg-upload --busy-timeout 50 <next.set
kill $parent
wait $parent 2>/dev/null

# a copy of the work directory has its UUID
rm -rf a b store shop.db
mkdir store
make_db shop.db 50
ok "a cut" sh -c 'seg-cut -d a copies shop.db | seg-upload'
cp -r a b
sql shop.db "UPDATE t SET v = 'a' WHERE id = 1"
ok "the next, in the one" seg-cut -d a copies shop.db
cp out a.set
sql shop.db "UPDATE t SET v = 'b' WHERE id = 1"
ok "and in its copy" seg-cut -d b copies shop.db
cp out b.set
ok "the one" sh -c 'seg-upload <a.set'
must_fail 1 sh -c 'seg-upload <b.set'
err_like "refused: .*it was claimed for .* of $(uname -n) \(process [0-9]*\) at 20" \
	"its copy: by whom"
ok "the one, again" sh -c 'seg-upload <a.set'

# what is no claim, of an END that is not the newest any more
begin
ok "one" seg-upload "$(cat w1.f)"
echo nonsense >"$claims/shop/00000000000000000020"
ok "again" seg-upload "$(cat w1.f)"
empty err "of its claim, which is none now, nothing is said"
must_fail 1 seg-upload "$(cat w2.f)"
err_like "refused" "another"
is "$(wc -l <err)" 1 "once"

# --- what a writer that fails leaves: nothing that others must wait for

# chain: 21-22, 23-24, 25-26 after base
for e in 22 24 26; do
	mkseg chain shop $((e - 1)) $e $((300 + e)) 20 1 2 1 $e
done >chain.f
echo >>chain.f
mkseg other shop 23 23 900 20 1 1 1 9 >other.f
mkseg other2 other 1 20 100 20 1 20 >other2.f
key=$(sed -n '2s,.*/\(.*\)\.seg$,\1,p' chain.f)
begin
echo other >"$objects/shop/segments/$key"
must_fail 1 sh -c 'seg-upload <chain.f'
err_like "segments/$key: exists with other content" "the second of three cannot be put"
like "$claims/shop/00000000000000000022" "^given-up" "its claim is given up, and the one made ahead"
ok "-O" seg-list -O shop
is "$(cut -f 1 out | tr '\n' ' ')" "shop/claim-00000000000000000022 shop/claim-00000000000000000024  " "lists it"
cp out given.set
ok "and another goes on at once" seg-upload --busy-timeout 0 "$(cat other.f)"
is "$(seg-list shop | cut -f 2-3 | tr '\t\n' -\ )" "1-20 21-22 23-23  " "from there"
must_fail 1 seg-upload --busy-timeout 0 "$(sed -n 2p chain.f)"
err_like "refused: .*$(uname -n) \(process [0-9]*\) at 20" "the first, again, finds out"
begin
echo other >"$objects/shop/segments/$key"
run sh -c 'seg-upload <chain.f'
ok "seg-rm" seg-rm <given.set
absent "$claims/shop/00000000000000000022"
begin
echo other >"$objects/shop/segments/$key"
run sh -c 'seg-upload <chain.f'
rm "$objects/shop/segments/$key"
ok "its own next run" sh -c 'seg-upload --busy-timeout 0 <chain.f'
is "$(seg-list shop | cut -f 2-3 | tr '\t\n' -\ )" "1-20 21-22 23-24 25-26  " \
	"publishes what was left"
is "$(cat "$claims/shop/"* | grep -c given-up)" 0 "and holds its claims again"

# Behind an index that cannot be put nothing is published.
begin
fs "FS_FAIL=renameat2@/indexes/#2=EIO" sh -c 'seg-upload <chain.f' >out 2>err
is "$?" 3 "the second of three indexes cannot be put"
is "$(seg-list shop | cut -f 2-3 | tr '\t\n' -\ )" "1-20 21-22  " "the third is not there"

# An index that may yet be there is not given up.
begin
fs "FS_FAIL=renameat2@/indexes/=EIO" seg-upload "$(cat w1.f)" >out 2>err
is "$?" 3 "an index that cannot be put"
must_fail 3 seg-upload --busy-timeout 0 "$(cat w2.f)"
err_like "was claimed for" "keeps its claim"

# A claim that cannot be made ahead is the failure of what it is for alone.
begin
{ grep . chain.f && cat other2.f && echo; } >both.f
fs "FS_FAIL=renameat2@/claims/shop#2=EIO" seg-upload <both.f >out 2>err
is "$?" 3 "no claim of the second"
is "$(cut -f 1-3 out | sed 's,/[^	]*,,' | tr '\t\n' ' ;')" \
	"other 1 20;shop 21 22;!;" "the first is published, and what is of another namespace"
begin
mv other2/other other2/zoo
{ grep . chain.f && sed 's,/other/,/zoo/,' other2.f && echo; } >both.f
fs "FS_FAIL=fsync@shop/indexes/#1=EIO renameat2@/claims/shop#2=EIO" \
	seg-upload <both.f >out 2>err
is "$?" 3 "neither the first index nor the second claim"
is "$(cut -f 1-3 out | sed 's,/[^	]*,,' | tr '\t\n' ' ;')" "zoo 1 20;!;" \
	"another namespace does not suffer"

# A claim that goes just when it is read
begin
claimed 20 w1.f $$ 0
fs "FS_RUN=fsync@claims/shop$=rm -f $claims/shop/00000000000000000020" \
	seg-upload --busy-timeout 0 "$(cat w2.f)" >out 2>err
is "$?" 0 "a claim that has gone when it is read: it is free"
mkdir -p "$claims/shop"
claimed 20 w1.f $$ 0
sed -i 's/^key.*/removal -/' "$claims/shop/00000000000000000020"
mv "$claims/shop/00000000000000000020" "$claims/shop/removal"
fs "FS_RUN=fsync@claims/shop$=rm -f $claims/shop/removal" \
	seg-rm --busy-timeout 0 "$(seg-list shop | sed -n '2s/	.*//p')" >out 2>err
is "$? $(cat err)" "1 seg-rm: shop: refused: nothing else would hold frame 24" "and so is a lock"

# --- a writer that comes back after -F took over

# held OP@PART[#N]: w1 while w2 takes over with -F before that operation
held() {
	begin
	rm -f c.2
	fs FS_RUN="$1=seg-upload -F --busy-timeout 50 $(cat w2.f) \
		>out.2 2>e.2; echo \$? >c.2; seg-list shop >between" \
		seg-upload --busy-timeout 50 "$(cat w1.f)" >out.1 2>e.1
	echo $? >c.1
}
index=shop/indexes/
for op in renameat2@$claims renameat2@$index fsync@/indexes$; do
	held "$op"
	is "$(cat c.2 e.2)" 0 "$op: -F takes over"
	is "$(cat c.1)" 1 "$op: whom it was taken from finds out"
	cp e.1 err
	err_like "refused: .*$(uname -n) \(process [0-9]*\) at 20" "$op: from whom"
	seg-list shop >there
	is "$(cut -f 2-3 there | tr '\t\n' -\ )" "1-20 21-24  " "$op: w2 alone is there"
	grep -q "^given-up" "$claims/shop/00000000000000000020"
	is $? 1 "$op: and holds the claim"
done

# --- the same work twice

twice=''
for i in $(seq 10); do
	rm -rf store twice
	mkdir store
	for e in 10 20 30 40; do mkseg twice shop $((e - 9)) $e $e 9 1 10; done >two.set
	echo >>two.set
	seg-upload -m --busy-timeout 600000 <two.set >out.1 2>e.1 &
	pid=$!
	seg-upload -m --busy-timeout 600000 <two.set >out.2 2>e.2 || twice="$twice $i: $(cat e.2)"
	wait $pid || twice="$twice $i: $(cat e.1)"
	[ "$(grep -c . out.1) $(grep -c . out.2)" = "4 4" ] || twice="$twice $i(out)"
	[ -z "$(find twice -type f)" ] || twice="$twice $i(left)"
done
is "$twice" "" "two seg-upload -m of the same files: both are done"
# killed between the two files
mkseg twice shop 1 10 10 9 1 10 >one.f
rm "$(cat one.f)"
mkseg twice shop 41 50 50 9 1 10 >five.f
mkseg twice shop 51 60 60 9 1 10 >six.f
rm "$(cat six.f)"
ok "the next run" seg-upload -m "$(cat five.f)"
is "$(find twice -type f)" "$(sed 's/seg$/idx/' six.f)" \
	"removes an index that a killed run left, not one of what is to come"
# A segment that gets its name just when its index is looked at
mkseg twice shop 41 50 50 9 1 10 >five.f
mkseg twice shop 31 40 40 9 1 10 >late.f
late=$(sed 's,.*/\(.*\)\.seg,\1,' late.f)
mv "$(cat late.f)" "twice/shop/.segtmp-$late.seg"
ok "while another is at work" fs \
	FS_RUN="lstat@.segtmp-$late=mv twice/shop/.segtmp-$late.seg twice/shop/$late.seg" \
	seg-upload -m "$(cat five.f)"
is "$(find twice -name "*$late*" | sort | sed 's,.*\.,,' | tr '\n' ' ')" "idx seg " \
	"nothing of what it makes is removed"
rm -r twice
ok "what has gone and is there" seg-upload -m <two.set
is "$(grep -c . out)" 4 "is printed"
must_fail 1 seg-upload twice/shop/18446744073709551515-00000000000000000061-00000000000000000001.seg
err_like "no such file" "what is nowhere is no such file"

# --- removers

# All of: parts a, b and their merge; each remover may take the one or the other
mkseg parts shop 1 50 1000 50 1 50 >a.f
mkseg parts shop 51 60 2000 50 3 10 4 2 >b.f
mkseg parts shop 1 60 2000 50 1 50 1 2 >m.f
lost=''
for i in $(seq "$races"); do
	rm -rf store
	seg-upload --create "$(cat a.f)" "$(cat b.f)" "$(cat m.f)" >all
	grep '	1	60	' all >merged
	grep . all | grep -v '	1	60	' >parts.set
	seg-rm -e <merged >/dev/null 2>e.1 &
	pid1=$!
	seg-rm -e <parts.set >/dev/null 2>e.2 &
	pid2=$!
	pid3=
	[ $((i % 2)) = 0 ] || {
		seg-upload "$(cat m.f)" >up.3 2>e.3 &
		pid3=$!
	}
	wait $pid1
	c1=$?
	wait $pid2
	c2=$?
	c3=
	[ -z "$pid3" ] || {
		wait $pid3
		c3=$?
	}
	seg-list shop 2>/dev/null | seg-plan >plan 2>/dev/null ||
		lost="$lost $i($c1 $c2 $c3)"
	cut -f 1 plan | grep . | while read -r n; do
		[ -f "$objects/shop/segments/${n#*/}" ] || echo "$n"
	done >without
	[ -s without ] && lost="$lost $i(an index without data)"
	[ ! -e "$claims/shop/removal" ] || lost="$lost $i(lock)"
done
# and once for certain: the other one comes when the first has judged
rm -rf store
seg-upload --create "$(cat a.f)" "$(cat b.f)" "$(cat m.f)" >all
{ grep '	1	60	' all && echo; } >merged
{ grep . all | grep -v '	1	60	' && echo; } >parts.set
ok "one takes the merge" fs FS_RUN='unlink@indexes/=
	seg-rm --busy-timeout 50 <parts.set >out.2 2>e.2; echo $? >c.2' \
	sh -c 'seg-rm <merged'
is "$(cat c.2)" 3 "the other, when the first has judged, its parts"
like e.2 "^seg-rm: shop: segments are being removed by $(uname -n) " "and is told who is at it"
ok "what is left is whole" sh -c 'seg-list shop | seg-plan >plan && [ -s plan ]'
# and its index comes back when it has been removed: its data stays
rm -rf store
seg-upload --create "$(cat a.f)" "$(cat b.f)" "$(cat m.f)" >all
{ grep '	1	60	' all && echo; } >merged
index=$objects/shop/indexes/$(sed -n '1s,^[^/]*/\([^	]*\).*,\1,p' merged)
cp "$index" index.kept
ok "one is published again just when it goes" \
	fs FS_RUN="fsync@shop/indexes\$#2=cp index.kept $index" \
	seg-rm -v shop/"${index##*/}"
err_like "published again, its data stays" "said"
ok "what is there" sh -c 'seg-list shop | seg-verify'
is "$(grep -c . out)" 3 "is whole"
is "$lost" "" "$races times: one takes the merge, the other its parts, a third puts the merge"

begin
seg-upload "$(cat w1.f)" >/dev/null
remover_elsewhere >lock
cp lock "$claims/shop/removal"
must_fail 3 seg-rm --busy-timeout 50 shop/18446744073709551592-00000000000000000021-00000000000000000201
err_like "^seg-rm: shop: segments are being removed by elsewhere \(process 77\) at 2023-11-14T22:13:20.000Z" \
	"another machine's remover: who and when"
must_fail 3 seg-upload --busy-timeout 50 "$(cat w1.f)"
err_like "^seg-upload: shop: segments are being removed by elsewhere" \
	"what is there may be going: an upload of it waits too"
echo nonsense >"$claims/shop/removal"
must_fail 1 seg-rm --busy-timeout 50 shop/18446744073709551592-00000000000000000021-00000000000000000201
is "$(cat err)" "seg-rm: ${claims#store/}/shop/removal: not a claim" \
	"a lock that is none: said once"
ok "-F" seg-rm -F --busy-timeout 50 shop/18446744073709551592-00000000000000000021-00000000000000000201
empty err "takes it over"
absent "$claims/shop/removal"
seg-upload "$(cat w1.f)" >/dev/null
mkdir -p "$claims/shop"
cp lock "$claims/shop/removal"
touch -d '2 days ago' "$claims/shop/removal"
ok "-O" seg-list -O shop
is "$(cut -f 1-3 out)" "shop/claim-removal	-	-" "a lock that is older than a day"
ok "goes" sh -c 'seg-list -O shop | seg-rm -F --busy-timeout 0'
absent "$claims/shop/removal"
mkdir -p "$claims/shop"
sed "s/^host .*/host $(uname -n)/; s/^pid .*/pid $dead/; s/^boot .*/boot $(cat /proc/sys/kernel/random/boot_id)/
	s/^pids .*/pids $(readlink /proc/self/ns/pid)/" lock >"$claims/shop/removal"
must_fail 1 seg-rm --busy-timeout 50 shop/18446744073709551592-00000000000000000021-00000000000000000201
err_like "nothing else would hold" "a dead one's of this machine is no obstacle"
absent "$claims/shop/removal"
mkdir -p "$claims/shop"
sed "s/^host .*/host $(uname -n)/; s/^pid .*/pid $dead/; s/^boot .*/boot $(cat /proc/sys/kernel/random/boot_id)/
	s/^pids .*/pids $(readlink /proc/self/ns/pid)/" lock >"$claims/shop/removal"
ok "-O" seg-list -O shop
is "$(cut -f 1 out)" "shop/claim-removal" "lists it, young as it is"
cp out young && cp "$claims/shop/removal" dead.lock
ok "which goes" seg-rm --busy-timeout 0 <young
is "$(cut -f 1-3 out)" "shop/claim-removal	-	-" "and is told"
ok "gone already" seg-rm shop/claim-00000000000000999999
is "$(cut -f 2- out | sort -u)" "
-	-	-	-	-" "of which nothing is known"
absent "$claims/shop/removal"
mkdir -p "$claims/shop" && cp dead.lock "$claims/shop/removal"
ok "an upload" seg-upload --busy-timeout 0 "$(cat w1.f)"
# A remover that cannot begin; and one whose lock another has taken over
rm -f "$claims/shop/removal"
must_fail 3 fs FS_FAIL="fsync@shop/segments\$#1=EIO" \
	seg-rm -F shop/18446744073709551592-00000000000000000021-00000000000000000201
absent "$claims/shop/removal"
cp lock lock.other
ok "a lock that is taken over meanwhile" \
	fs FS_RUN="unlink@shop/indexes/=cp lock.other $claims/shop/removal" \
	seg-rm -F shop/18446744073709551592-00000000000000000021-00000000000000000201
same "$claims/shop/removal" lock "stays the other's"
# --- a remover of all that was killed before it came to the claims

for i in 1 2 3; do
	mkseg last gone $((2 * i - 1)) $((2 * i)) ${i}000 9 1 2 1 $i
done >gone.files
# shellcheck disable=SC2046
ok "three segments" seg-upload $(cat gone.files)
ok "listed" seg-list gone
cp out gone
run fs "FS_RUN=unlink@claims/gone/=kill -KILL \$PPID" seg-rm -F <gone
is "$status" 137 "killed"
is "$(find store -path '*namespaces/gone*' -type f)" "" "all segments are gone"
is "$(find "$claims/gone" -name '0*' | wc -l)" 3 "three claims are not"
ok "again" seg-rm -F <gone
is "$(find store -path '*gone*' -type f)" "" "nothing is left"
ok "another writer begins" seg-upload "$(mkseg other gone 1 2 9000 9 1 2)"

done_testing
