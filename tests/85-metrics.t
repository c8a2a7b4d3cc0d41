#!/bin/sh
# --metrics: figures of a run, for Prometheus.
. "$(dirname "$0")/lib.sh"

# metric NAME [LABELS]: its value in the file m.prom
metric() {
	sed -n "s/^segtools_$1{command=\"[^\"]*\"${2:-}} //p" m.prom
}
# Prometheus's text format: each metric has HELP and TYPE, once, before it
well_formed() {
	awk '/^# HELP / { help[$3]++; next }
		/^# TYPE / { type[$3]++; if ($4 != "gauge" && $4 != "counter") exit 1
			next }
		/^segtools_[a-z_]*\{command="seg-[a-z]*"(,namespace="([^"\\]|\\.)*")?\} [0-9]+(\.[0-9]+)?$/ {
			n = $0; sub(/\{.*/, "", n)
			if (help[n] != 1 || type[n] != 1) exit 1
			lines++; next }
		{ exit 1 } END { exit !lines }' m.prom
}

make_db a.db 300
mkdir store
SEG_STORE=$T/store
export SEG_STORE

ok "a cut with metrics" seg-cut --metrics m.prom -d w 'sh"o\p' a.db
cp out list
ok "they are well-formed" well_formed
is "$(metric status)" 0 "status"
is "$(metric segments_total)" 1 "segments"
is "$(metric pages_total)" "$(cut -f 5 list | head -n 1)" "pages"
is "$(metric bytes_total)" "$(cut -f 6 list | head -n 1)" "bytes"
is "$(metric end_frame ',namespace="sh\\"o\\\\p"')" \
	"$(cut -f 3 list | head -n 1)" "END, with the namespace escaped"
run_at=$(metric last_run_timestamp_seconds)
is "$(metric last_success_timestamp_seconds)" "$run_at" "a success is one"
is "$(stat -c %a m.prom)" 644 "it can be read by others"
no_leftovers .

ok "an upload" seg-upload --metrics m.prom <list
is "$(metric requests_total | awk '{ print ($1 > 2) }')" 1 "it asked the store"
is "$(metric retries_total)" 0 "nothing was tried again"
success=$(metric last_success_timestamp_seconds)
printf 'sh"o\\p/00000000000000000001-00000000000000000001-00000000000000000001.seg\n\n' >bad
must_fail 1 seg-upload --metrics m.prom <bad
is "$(metric status)" 1 "a failure is told"
is "$(metric last_success_timestamp_seconds)" "$success" \
	"the last success is kept"
ok "they are well-formed after it" well_formed
sed '/last_success/d' m.prom >n.prom && mv n.prom m.prom
must_fail 1 seg-upload --metrics m.prom <bad
is "$(metric last_success_timestamp_seconds)" "" "none is known: none is told"

ok "a fetch" sh -c 'seg-list | seg-fetch -d f --metrics m.prom'
is "$(metric segments_total)" 1 "fetched"
ok "a restore" sh -c 'seg-restore --metrics m.prom r.db f/*/*.seg'
is "$(metric segments_total) $(metric status)" "1 0" "restored"
ok "a merge, of one" sh -c 'seg-merge --metrics m.prom f/*/*.seg'
ok "verified" sh -c 'seg-verify --metrics m.prom f/*/*.seg'
is "$(metric segments_total)" 1 "good ones"
ok "packed" sh -c 'seg-pack --metrics m.prom f/*/*.seg >tar'
is "$(metric segments_total) $(metric pages_total)" "1 $(cut -f 5 list | head -n 1)" \
	"packed: what went out"
ok "unpacked" sh -c 'seg-unpack --metrics m.prom -d u <tar'
is "$(metric segments_total) $(metric bytes_total)" \
	"1 $(cut -f 6 list | head -n 1)" "unpacked: what came"
ok "a removal" sh -c 'seg-list | seg-rm -F --metrics m.prom'
is "$(metric segments_total)" 1 "removed"

# ---- a stream that does not end ----

# said NAME LABELS VALUE: it is that, in the end
said() {
	test "$(metric "$1" "$2")" = "$3"
}
comes() { # as await said; if it does not, what there is
	await said "$@" || {
		cat m.prom cut.err >&2
		return 1
	}
}
shop=',namespace="shop"' idle=',namespace="idle"'
rm -rf m.prom w
make_db b.db 20
ok "one that will not change" seg-cut --metrics m.prom -d w idle b.db
cp out list
ok "is uploaded" seg-upload -m <list
ok "cut again" seg-cut --metrics m.prom -d w idle b.db
is "$(cat out)" "" "there is nothing new"
is "$(metric segments_total) $(metric end_frame "$idle") $(metric pending_segments "$idle")" \
	"0 $(head -n 1 list | cut -f 3) 0" "its END is told, and that nothing waits"
is "$(metric end_time_seconds "$idle" | tr -d .)" \
	"$(head -n 1 list | sed 's/\..*//; s/.*-0*//')" "and its TIME"

# What nobody uploads waits; then it does not.  (Without a copy on this side of
# the pipe nothing reaches the store.)
rm m.prom
seg-cut --every 50ms --metrics m.prom -d w shop a.db idle b.db >stream 2>cut.err &
pid=$!
ok "rounds: one waits" comes pending_segments "$shop" 1
is "$(metric pending_segments "$idle")" 0 "of the other nothing does"
is "$(metric end_frame "$idle")" "$(head -n 1 list | cut -f 3)" "whose END is told"
ok "they are well-formed" well_formed
is "$(metric requests_total | awk '{ print ($1 >= 2) }')" 1 "requests are counted, whoever makes them"
head -n 2 stream >new
ok "it is uploaded, and stays" seg-upload <new
ok "nothing waits" comes pending_segments "$shop" 0
is "$(metric segments_total | awk '{ print ($1 > 0) }')" 1 "segments"
kill $pid
wait $pid
is $? 0 "the end"
empty cut.err "nothing is said"
rm m.prom
env -u SEG_STORE seg-cut --every 50ms --metrics m.prom -d w shop a.db >stream 2>cut.err &
pid=$!
ok "rounds without a store" comes segments_total "" 0
sql a.db "DELETE FROM t WHERE id = 1"
ok "cut what changes" comes segments_total "" 1
is "$(metric pending_segments "$shop")" "" "what waits is not known"
kill $pid
wait $pid

# Where nothing follows a set, too; a failure is one until a set is well.
rm -f m.prom up
mkfifo in
seg-upload --metrics m.prom <in >up 2>up.err &
pid=$!
exec 3>in
cat new >&3
ok "an upload that goes on" comes segments_total "" 1
is "$(metric status)" 0 "is well"
n=$(metric requests_total)
echo '!' >&3
ok "a failed set" comes status "" 1
ok "they are well-formed" well_formed
cat new >&3
ok "and a good one: it is well again" comes status "" 0
is "$(metric requests_total | awk -v n="$n" '{ print ($1 > n) }')" 1 "more requests"
mv m.prom kept && mkdir m.prom
cat new >&3
ok "it cannot be written" await grep -q 'm.prom: ' up.err
is "$(grep -c m.prom up.err)" 1 "said"
# (When the second of them is named, what the first one made was tried.)
named() { [ "$(grep -c ^shop/ up)" = "$1" ]; }
cat new new >&3
ok "more come meanwhile" await named 5
rmdir m.prom
cat new >&3
ok "it can again" comes segments_total "" 6
exec 3>&-
wait $pid
is $? 1 "the status of all"
is "$(metric status)" 1 "is the last one told"
is "$(grep -c m.prom up.err)" 1 "what could not be written meanwhile was said once"

# What cannot be written is 3, when the work is done.
must_fail 3 seg-cut --metrics none/m.prom -d w2 b a.db
err_like '^seg-cut: none/m.prom: no such directory$' "said"
is "$(find w2 -name "*.seg" | wc -l)" 1 "the cut was made"
must_fail 3 seg-cut --metrics w2 -d w3 b a.db
is "$(grep -c . err)" 1 "said once"
must_fail 2 seg-cut --metrics '' -d w4 b a.db

# Who may read it is for whoever has made it to say.
rm -f private.prom
ok "under a umask" sh -c 'umask 077; exec seg-cut --metrics private.prom -d w2 b a.db'
is "$(stat -c %a private.prom)" 600 "nobody else may read it"
chmod 644 private.prom
ok "again" sh -c 'umask 077; exec seg-cut --metrics private.prom -d w2 b a.db'
is "$(stat -c %a private.prom)" 644 "if that was changed, it stays so"

# A symbolic link stays one; what is no file of its own is not replaced.
mkdir textfiles
ln -s textfiles/b.prom link.prom
rm -f m.prom
for i in 1 2; do
	ok "run $i, by a link" seg-cut --metrics link.prom -d w5 b a.db
	is "$(readlink link.prom) $(stat -c %F textfiles/b.prom)" \
		"textfiles/b.prom regular file" "it is followed"
done
ln -s loop loop
ln -s /proc/self/fd/1 stdout
mkfifo fifo
ln -s fifo to-fifo
for f in loop stdout fifo to-fifo; do
	must_fail 3 timeout 120 seg-cut --metrics $f -d w5 b a.db
	err_like '^seg-cut: (loop: too many|stdout: standard output or error|.*fifo: not a reg)' "said"
	[ $f != stdout ] || out_like '^$' "what is printed stays"
done
must_fail 3 sh -c 'seg-cut --full --metrics stdout -d w5 b a.db | cat; exit 3'
err_like '^seg-cut: stdout: standard output or error' "a pipe is none either"
is "$(readlink loop stdout to-fifo | tr '\n' ' ') $(stat -c %F fifo)" \
	"loop /proc/self/fd/1 fifo  fifo" "all are what they were"

done_testing
