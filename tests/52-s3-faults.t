#!/bin/sh
# Bad networks and bad servers: each fault of tests/helper/faultproxy.c for each
# kind of request ends in the right result or in the documented status, in time,
# with nothing half-made.
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR
. "$TOP/tests/s3.sh"

s3_start
s3_mb bkt

# What the cases work on: three segments, to be uploaded and removed anew by
# each, and there for reading below s3://bkt/there.
{
	mkseg work shop 1 50 1000 50 1 50 1 1
	mkseg work shop 51 60 2000 50 3 10 4 2
	mkseg work shop 61 65 3000 50 10 5 1 3
	echo
} >files
seg-upload -s s3://bkt/there <files >names
seg-list -s s3://bkt/there shop >listing
seg-fetch -s s3://bkt/there -l -d lazy <names >lazily
same listing names "three segments"
# and a listing of two pages
echo >byte
wide=$(s3_url bkt/there/v2/clusters/default/namespaces/wide)
for i in $(seq 1100); do
	printf 'next\nurl = "%s/indexes/1%019d-%020d-%020d"\n' "$wide" "$i" 1 1
	echo 'upload-file = byte'
	cat "$S3_DIR/curlrc"
done | sed 1d >wide.curl
curl -q --parallel --parallel-max 16 -K wide.curl 2>curl.err || show_file curl.err curl
seg-list -s s3://bkt/there wide >wide.list
mv wide.list wide
is "$(grep -c . wide)" 1100 "1100 keys"

make_db other.db 10

# --- cases: a line each,
# ---	WANTED VERB RETRY-FOR RULE[;RULE...]
# --- the status ("any" of those that are documented), what is done,
# --- --retry-for, and the proxy's rules.

limit='timeout 180'
# do_verb VERB RETRY-FOR: in a case's own directory
do_verb() {
	there=s3://bkt/there
	here=s3://bkt/$case
	set -- "$1" "--retry-for=$2"
	case $1 in
	list) $limit seg-list "$2" -s $there shop ;;
	wide) $limit seg-list "$2" -s $there wide ;;
	names) $limit seg-list "$2" -N -s $there ;;
	fetch) $limit seg-fetch "$2" -s $there -d o <../../names ;;
	index) $limit seg-fetch "$2" -s $there -i -d o <../../names ;;
	lazy) $limit seg-fetch "$2" -s $there -l -d o <../../names ;;
	verify) $limit seg-verify "$2" -s $there <../../names ;;
	upload) (cd ../.. && exec $limit seg-upload "$2" -s "$here" <files) ;;
	again) (cd ../.. && exec $limit seg-upload "$2" -s $there <files) ;;
	rm) $limit seg-rm "$2" -F -s "$here" <../../names ;;
	create) echo | $limit seg-upload "$2" --create -s "s3://$case" ;;
	cut) $limit seg-cut "$2" -s $there -d o other ../../other.db ;;
	sync) $limit seg-sync "$2" -s $there -k cat.db --add wide ;;
	esac
}

# A clock that stands when the machine does, or is busy with others: a tick each
# tenth of a second, or later
setpriv --pdeathsig KILL perl -e \
	'select undef, undef, undef, 0.1 while syswrite STDOUT, "."' >ticks &
S3_PIDS="$S3_PIDS $!"

# run_case N WANTED VERB RETRY-FOR RULES: in a subshell of its own
run_case() (
	case=case$1
	S3_PIDS=
	mkdir -p "cases/$case"
	cd "cases/$case" || exit
	[ "$3" != rm ] || (cd ../.. && seg-upload -q -s "s3://bkt/$case" <files) >/dev/null
	printf '%s\n' "$5" | tr ';' '\n' >rules
	: >log
	setpriv --pdeathsig KILL faultproxy "$S3_PORT" rules log >port &
	proxy=$!
	await test -s port
	AWS_ENDPOINT_URL_S3=http://127.0.0.1:$(cat port)
	began=$(date +%s%3N) ticks=$(size ../../ticks)
	do_verb "$3" "$4" >out 2>err
	echo $? >status
	echo $(($(date +%s%3N) - began)) >took
	echo $(($(size ../../ticks) - ticks)) >ticks
	kill "$proxy"
)

# met RULES LOG: was the first fault met?
met() {
	fault=${1#* }
	grep -q "^${1%% *} .* ${fault%% *} " "$2"
}

# What must be true whatever the fault was; silent if it is.
# shellcheck disable=SC2094
check_case() { # CASE WANTED VERB
	case $3 in
	list)
		[ "$2" != 0 ] || cmp listing "cases/$1/out"
		[ "$2" = 0 ] || ! grep shop "cases/$1/out"
		;;
	wide)
		[ "$2" != 0 ] || cmp wide "cases/$1/out"
		[ "$2" = 0 ] || ! grep wide "cases/$1/out"
		;;
	names) [ "$2" != 0 ] || printf 'shop\nwide\n' | cmp - "cases/$1/out" ;;
	fetch | index)
		find "cases/$1/o" -name '[0-9]*' -type f 2>/dev/null |
			while read -r f; do cmp "$f" "work/${f#*/o/}"; done
		n=$(find "cases/$1/o" -name '[0-9]*' -type f 2>/dev/null | wc -l)
		[ "$2" != 0 ] || [ "$3" = index ] || [ "$n" = 6 ] || echo "$n files"
		[ "$2" != 0 ] || [ "$3" = fetch ] || [ "$n" = 3 ] || echo "$n files"
		# data without its index is found again; the other way not
		find "cases/$1/o" -name '*.seg' 2>/dev/null | sed 's/seg$/idx/' |
			while read -r f; do [ -f "$f" ] || echo "no $f"; done
		;;
	lazy)
		find "cases/$1/o" -name '*000.*' -type f 2>/dev/null |
			while read -r f; do
				[ -f "lazy/${f#*/o/}" ] || continue
				cmp "$f" "lazy/${f#*/o/}"
			done
		# with a source's index bad that source is fetched whole
		[ "$2" != 0 ] || diff -r lazy "cases/$1/o" |
			sed -n 's/^Only in \(cases.*\): /\1\//p; t; p' |
			while read -r f; do
				cmp "$f" "work/shop/${f##*/}"
			done
		;;
	upload | rm)
		s3_ls "bkt/$1/v2/clusters/default/namespaces/" |
			sed "s,^$1/v2/clusters/default/namespaces/,,; s, .*,," >objects
		while read -r o; do
			k=${o##*/} kind=${o%/*}
			case ${kind##*/} in
			indexes)
				grep -q "segments/$k$" objects || echo "index $k alone"
				s3_get "bkt/$1/v2/clusters/default/namespaces/$o" |
					cmp - "work/shop/$k.idx"
				;;
			segments)
				s3_get "bkt/$1/v2/clusters/default/namespaces/$o" |
					cmp - "work/shop/$k.seg"
				;;
			*) echo "$o: foreign" ;;
			esac
		done <objects
		n=$(grep -c . objects)
		[ "$2$3" != 0upload ] || [ "$n" = 6 ] || echo "$n objects"
		[ "$2$3" != 0rm ] || [ "$n" = 0 ] || echo "$n objects"
		[ "$3$n" != rm0 ] || [ "$2" = 0 ] || echo "removed with status $2"
		;;
	cut) [ "$(grep -c other "cases/$1/out")" = $(($2 == 0)) ] || cat "cases/$1/out" ;;
	sync)
		seg-list -k "cases/$1/cat.db" wide >catalogue 2>/dev/null
		[ "$2" != 0 ] || cmp wide catalogue
		[ "$2" = 0 ] || ! grep wide catalogue
		;;
	create)
		s3_buckets | grep -qx "$1" || [ "$2" != 0 ] || echo "no bucket"
		;;
	esac
	# one end line; failures are told, by name
	if [ "$2" = 0 ]; then
		grep -x '!' "cases/$1/out"
	elif [ "$3" != names ] && [ "$3" != create ] && [ "$3" != sync ]; then
		grep -q . "cases/$1/err" || echo "silent"
		[ -s "cases/$1/out" ] && ! tail -n 1 "cases/$1/out" | grep -qx '!' &&
			[ "$(cat "cases/$1/out")" != "" ] && echo "no end"
	fi
	grep -v '^seg-[a-z]*: ' "cases/$1/err"
	find "cases/$1/o" -name '.segtmp-*.idx' 2>/dev/null
}

# judge N WANTED VERB RETRY-FOR RULES: what came of it
judge() {
	c=case$1 wanted=$2
	got=$(cat "cases/$c/status")
	case $wanted$got in
	any[0-3]) wanted=$got ;;
	esac
	if [ "$got" = "$wanted" ]; then
		pass "$3, $5: status $wanted"
	else
		fail "$3, $5: status $wanted" ||
			note "was $got: $(head -n 3 "cases/$c/err")" >&2
	fi
	is "$(check_case "$c" "$wanted" "$3" 2>&1)" "" \
		"$3, $5: nothing half-made"
	# (It is half a minute, or for ever, where no end is kept.)
	[ "$(cat "cases/$c/ticks")" -lt $(($4 * 10 + 250)) ] ||
		fail "$3, $5: in time" || note "$(cat "cases/$c/took") ms" >&2
	met "$5" "cases/$c/log" ||
		fail "$3, $5: the fault was met"
}

# cases FILE: run them, so many at a time, then judge them
cases_n=0
cases() {
	cases_first=$((cases_n + 1))
	while read -r wanted verb retry rules; do
		cases_n=$((cases_n + 1))
		run_case $cases_n "$wanted" "$verb" "$retry" "$rules" &
		pids="$pids $!"
		[ $((cases_n % 8)) != 0 ] || {
			# shellcheck disable=SC2086
			wait $pids
			pids=
		}
	done <"$1"
	# shellcheck disable=SC2086
	[ -z "$pids" ] || wait $pids
	pids=
	cases_i=$cases_first
	while read -r wanted verb retry rules; do
		judge $cases_i "$wanted" "$verb" "$retry" "$rules"
		cases_i=$((cases_i + 1))
	done <"$1"
}
pids=

# What takes its time, beside all others: judged at the end.  The first as users
# have it: nothing for 30 seconds, then tried again.
cat >patient <<'END'
0 fetch 60 GETDATA stall 1
0 fetch 10 GETDATA stall 1
0 list 10 LIST stall 1
0 upload 10 PUTDATA stall-request 1
0 upload 10 PUTDATA stall-head 1
0 list 10 LIST slow - 120
0 fetch 10 GETDATA slow - 16000
END
i=0 patients=
while read -r wanted verb retry rules; do
	i=$((i + 1))
	run_case patient$i "$wanted" "$verb" "$retry" "$rules" &
	patients="$patients $!"
done <patient

# What passes: twice, then fine: no harm done.  For ever: 3.
kinds='list LIST
wide LIST
fetch GETDATA
fetch GETINDEX
lazy GETINDEX
lazy GETDATA
verify GETDATA
upload LIST
upload PUTDATA
upload PUTINDEX
rm DELETES'
some='list LIST
fetch GETDATA
upload PUTDATA'
passing() { # KINDS FAULT...
	kinds_of=$1
	shift
	for fault; do
		echo "$kinds_of" | while read -r verb kind; do
			echo "0 $verb 60 $kind $fault 2"
			echo "3 $verb 0 $kind $fault -"
		done
	done
}
{
	passing "$kinds" 503 reset-before reset-during reset-after reset-body short
	passing "$some" 500 502 504 408 429 timeout400
	echo "$kinds" | sed 's/\(.*\) \(.*\)/3 \1 1 \2 503 -/'
	echo "$some" | sed 's/\(.*\) \(.*\)/3 \1 1 \2 timeout400 -/'
	echo "$some" | sed 's/\(.*\) \(.*\)/3 \1 1 \2 short -/'
} >table
cases table

# What does not: 2, at once, and asked once.
first=$((cases_n + 1))
echo "$kinds" | while read -r verb kind; do
	for fault in 403 expired nobucket wrongregion 301; do
		echo "2 $verb 20 $kind $fault -;DELETE $fault -"
	done
done >table
echo "$some" | while read -r verb kind; do
	for fault in denied signature skewed 307; do
		echo "2 $verb 20 $kind $fault -"
	done
done >>table
cases table
for i in $(seq $first $cases_n); do
	# (a claim that was made is given up afterwards)
	sed '/^DELETES/d; /^PUTCLAIM .* 200 /d' "cases/case$i/log" |
		cut -d ' ' -f 1,3 | sort | uniq -d
done >twice
empty twice "what is refused is not tried again"

cat >table <<'END'
0 list 60 LIST error200 2
3 list 1 LIST error200 -
3 upload 1 LIST error200 -
2 list 5 LIST error200 - AccessDenied
1 list 5 LIST garbage -
1 wide 5 LIST garbage 1+-
1 names 5 LIST garbage -
1 upload 5 LIST garbage -
1 list 5 LIST hugexml -
1 list 5 LIST hugexml - deep
1 list 5 LIST hugexml - keys
1 names 5 LIST hugexml - keys
1 list 5 LIST bomb -
0 list 60 LIST foreign -
0 wide 60 LIST foreign -
0 names 60 LIST foreign -
0 upload 60 LIST foreign -
0 list 60 LIST unsorted -
0 wide 60 LIST unsorted -
1 list 5 LIST truncated-lie - empty
1 list 5 LIST truncated-lie - repeat
1 wide 5 LIST truncated-lie - empty
1 wide 5 LIST truncated-lie - repeat
1 names 5 LIST truncated-lie - repeat
0 list 60 LIST nolength -
0 wide 60 LIST 503 1+2
0 wide 60 LIST short 1+2
0 list 60 LIST etag-change -
0 fetch 60 GETDATA flip 1
1 fetch 5 GETDATA flip -
1 fetch 5 GETDATA flip - 0
0 fetch 60 GETINDEX flip -
0 index 60 GETINDEX flip 1
1 index 5 GETINDEX flip -
1 verify 5 GETDATA flip -
1 fetch 5 GETDATA nokey -
0 fetch 60 GETINDEX nokey -
1 index 5 GETINDEX nokey -
1 fetch 5 GETDATA garbage -
0 fetch 60 GETINDEX garbage -
1 fetch 5 GETDATA error200 -
0 fetch 60 GETINDEX error200 -
1 fetch 5 GETDATA hugexml -
0 fetch 60 GETINDEX hugexml -
1 fetch 5 GETDATA nolength -
0 fetch 60 GETDATA etag-change -
0 fetch 60 GETDATA no-etag -
0 fetch 60 GETDATA short 1;GETDATA no-etag -
0 fetch 60 GETDATA short 3;GETDATA etag-change -
0 lazy 60 GETDATA wrong-range - whole
1 lazy 5 GETDATA wrong-range - shift
0 fetch 60 GETDATA short 3;GETDATA wrong-range - whole
0 fetch 60 GETDATA short 3;GETDATA wrong-range - shift
0 fetch 60 GETDATA 429 1 1
3 fetch 2 GETDATA 503 - 100
3 upload 2 PUTDATA 429 - 100
0 upload 20 PUTDATA slow - 80000
0 upload 60 PUTDATA flip-request 1
3 upload 1 PUTDATA flip-request -
3 upload 0 PUTDATA flip-request -
0 upload 60 PUTINDEX flip-request 2
3 upload 1 PUTINDEX flip-request 1+- 0
0 rm 60 DELETES flip-request 1
3 rm 0 DELETES flip-request -
0 upload 60 PUTDATA error200 1
3 upload 1 PUTDATA error200 -
2 upload 5 PUTDATA error200 - AccessDenied
1 upload 5 PUTDATA garbage 1
1 upload 5 PUTINDEX garbage 1+1
1 upload 5 PUTDATA no-etag -
1 upload 5 PUTDATA bomb -
0 rm 60 DELETE error200 1;DELETES 501 -
3 rm 1 DELETE error200 -;DELETES 501 -
1 rm 5 DELETE garbage -;DELETES 501 -
2 fetch 5 GETDATA nobucket 1
2 verify 5 GETDATA nobucket 1+1
3 upload 5 PUTDATA 501 -
0 upload 60 PUTDATA 501 1
0 upload 60 PUTDATA 501 3;PUTDATA reset-after 2;PUTINDEX reset-after 1
0 upload 60 PUTDATA 501 3;PUTDATA reset-during 2;PUTINDEX reset-during 1
0 upload 60 PUTDATA conflict 2
0 upload 60 PUTDATA etag-change -
2 upload 5 PUTINDEX 403 1+-
3 upload 0 PUTINDEX 503 1+-
3 upload 0 PUTINDEX reset-after 2+-
3 upload 0 PUTDATA reset-after 2+-
0 cut 60 LIST 503 2
3 cut 0 LIST 503 -
2 cut 5 LIST 403 -
1 cut 5 LIST garbage -
0 cut 60 LIST foreign -
0 sync 60 LIST 503 1+2
3 sync 0 LIST 503 1+-
2 sync 5 LIST 403 1+-
1 sync 5 LIST garbage 1+-
1 sync 5 LIST truncated-lie - repeat
0 sync 60 LIST foreign -
0 sync 60 LIST unsorted -
0 rm 60 DELETES garbage -
0 rm 60 DELETES nothing-deleted -
2 rm 5 DELETES nothing-deleted -;DELETE denied -
3 rm 0 DELETES nothing-deleted -;DELETE reset-after 1+-
0 rm 60 DELETES 501 -
3 rm 0 DELETES 503 1+-
0 rm 60 DELETES error200 1
3 rm 1 DELETES error200 -
0 create 60 MKBUCKET 503 2
0 create 60 MKBUCKET reset-after 1
0 create 60 MKBUCKET conflict 1
3 create 1 MKBUCKET error200 -
2 create 5 MKBUCKET error200 - AccessDenied
3 create 5 MKBUCKET garbage -
1 create 5 LIST garbage -
2 create 20 MKBUCKET 403 -
3 create 0 MKBUCKET 503 -
0 create 60 LIST reset-before 2
2 create 20 LIST 403 -
3 create 0 LIST 503 -
3 list 1 LIST stall -
3 list 1 LIST stall-head -
3 fetch 1 GETDATA stall -
3 fetch 1 GETDATA stall-head -
3 fetch 1 GETINDEX stall -
3 upload 1 PUTDATA stall-head -
3 upload 1 PUTDATA stall-request -
3 upload 1 PUTINDEX stall-head -
3 rm 1 DELETES stall -
3 create 1 MKBUCKET stall-head -
END
s3_public bkt
cases table

# Each fault for each kind of request, once and for ever: whatever comes of it,
# nothing is half-made.  But for a byte changed in a listing, which nobody can
# know.
[ -z "${SOAK:-}" ] || {
	for pair in list:LIST wide:LIST names:LIST cut:LIST sync:LIST \
		upload:LIST rm:LIST fetch:GETDATA fetch:GETINDEX index:GETINDEX \
		lazy:GETDATA lazy:GETINDEX verify:GETDATA verify:GETINDEX \
		again:GETDATA again:GETINDEX upload:PUTDATA upload:PUTINDEX \
		rm:DELETES rm:DELETE create:LIST create:MKBUCKET; do
		for fault in 503 429:1 reset-before reset-during reset-after \
			reset-body short stall stall-head stall-request slow:200000 \
			flip flip:0 flip-request error200 error200:AccessDenied \
			garbage hugexml hugexml:deep hugexml:keys bomb foreign \
			unsorted truncated-lie:repeat truncated-lie:empty 301 307 \
			403 denied expired signature wrongregion nobucket nokey \
			412 501 conflict nolength wrong-range:shift \
			wrong-range:whole etag-change no-etag nothing-deleted; do
			case $pair$fault in
			*LISTflip*) continue ;;
			# what is gone is done
			*DELETEnokey) continue ;;
			esac
			arg=${fault#"${fault%%:*}"}
			rule="${pair#*:} ${fault%%:*}"
			more=
			[ "${pair#*:}" != DELETE ] || more=';DELETES 501 -'
			echo "any ${pair%:*} 3 $rule 1 ${arg#:}$more"
			echo "any ${pair%:*} 1 $rule - ${arg#:}$more"
		done
	done >table
	cases table
	run seg-verify -s s3://bkt/there <names
	is "$status" 0 "what is there is whole"
}

# Nobody there; no such host.
for endpoint in http://127.0.0.1:1 http://no-such-host.invalid; do
	must_fail 3 env AWS_ENDPOINT_URL_S3=$endpoint seg-list --retry-for 1 \
		-s s3://bkt/there shop
	err_like '^seg-list: s3://bkt: .*given up$' "$endpoint: said"
done

s3_proxy
rules "LIST 503 1 2"
began=$(date +%s%3N)
ok "Retry-After" seg-list -v -s s3://bkt/there shop
[ $(($(date +%s%3N) - began)) -ge 2000 ]
is $? 0 "is obeyed"
err_like '^seg-list: s3://bkt: 503 SlowDown.*trying again in 2' "-v says so"

# Memory does not grow with what a server says.
for rule in "LIST hugexml -" "LIST hugexml - deep" "LIST hugexml - keys" \
	"LIST bomb -" "LIST truncated-lie - repeat" "GETINDEX hugexml -"; do
	rules "$rule"
	case $rule in
	LIST*) run rusage used seg-list -s s3://bkt/there wide ;;
	*) run rusage used seg-fetch -s s3://bkt/there -i -d used.d <names ;;
	esac
	is "$status" 1 "$rule: status 1"
	[ -n "${SANITIZED:-}" ] || [ "$(cut -d ' ' -f 3 used)" -lt 65536 ] ||
		fail "$rule: memory" || note "$(cat used)" >&2
done

# shellcheck disable=SC2086
wait $patients
i=0
while read -r wanted verb retry rules; do
	i=$((i + 1))
	judge patient$i "$wanted" "$verb" "$retry" "$rules"
done <patient
[ "$(cat cases/casepatient1/took)" -ge 29000 ]
is $? 0 "a stall of 30 seconds: tried again after 30 seconds"
done_testing
