#!/bin/sh
# Random histories of real databases through every command.  200 databases (1000
# in the soak) go through rounds of changes in step; after each round every one
# of them is cut and its state is remembered.  Then each state is restored, byte
# for byte: before any merge, after each of three rounds of merging, in which
# every strategy meets every third of the databases, and after pruning.
. "$(dirname "$0")/lib.sh"

count=200
[ -z "${SOAK:-}" ] || count=1000
rounds=6
SEG_STORE=$T/store
export SEG_STORE
mkdir db states store restored

# cut_all ROUND: every database cut; one set each in cuts.ROUND
cut_all() {
	seq -f 'h%.0f' 0 $((count - 1)) |
		xargs -P 2 -I NAME seg-cut -q -d work NAME db/NAME.db >"cuts.$1"
}

# restore_all PLANS-OF-FILES: each set into restored/NAMESPACE
restore_all() {
	rm -rf restored && mkdir restored &&
		awk '
		/^$/ { print line; line = ""; next }
		{
			split($0, column, "\t")
			n = split(column[1], part, "/")
			if (line == "")
				line = "restored/" part[n - 1]
			line = line " " column[1]
		}
		END { if (line != "") print "cut-short" }' "$1" |
		xargs -P 2 -L 1 seg-restore -q
}

# check_states DESC: each round's state, chosen by its time
check_states() {
	for r in $(seq 0 $((rounds - 1))); do
		run seg-plan -t "$(cat "time.$r")" <listing
		cp "$T/out" plan
		run seg-fetch -q -d fetched <plan
		cp "$T/out" files
		restore_all files >restore.out 2>&1
		run history check restored <"states/$r"
		is "$(cat "$T/out")" "$count the same" "$1: round $r" ||
			show_file restore.out restore
	done
}

for r in $(seq 0 $((rounds - 1))); do
	ok "round $r: changes" history change db "$count" "$r"
	cp "$T/out" "states/$r"
	# Some databases lose their memory; one round is not uploaded in time.
	[ "$r" = 5 ] && rm -rf work/h*7
	ok "round $r: every database is cut" cut_all "$r"
	date +%s%3N >"time.$r"
	sleep 0.01
	[ "$r" = 2 ] || ok "round $r: uploaded" seg-upload -m <"cuts.$r"
done

ok "all namespaces are listed" seg-list
cp "$T/out" listing
is "$(grep -c '^$' listing)" "$count" "one set for each"
check_states "before merging"

set -- log levels:2 all
for pass in 1 2 3; do
	for group in 0 1 2; do
		names=$(seq -f 'h%.0f' "$group" 3 $((count - 1)))
		# shellcheck disable=SC2086
		seg-list $names >group
		run seg-plan -c "$1" <group
		cp "$T/out" plan
		run seg-fetch -q -d merging <plan
		cp "$T/out" files
		run seg-merge <files
		cp "$T/out" merged
		ok "pass $pass, $1: merged" seg-upload -m <merged
		[ "$group" = 2 ] || set -- "$2" "$3" "$1"
	done
	set -- "$3" "$1" "$2"
	rm -rf merging
	seg-list >listing
	check_states "after merging, pass $pass"
done

last=$((rounds - 1))
run seg-plan <listing
cp "$T/out" plan
ok "lazily fetched" seg-fetch -q -l -d lazy <plan
cp "$T/out" files
restore_all files
run history check restored <"states/$last"
is "$(cat "$T/out")" "$count the same" "the newest states, lazily fetched"

run seg-plan -x -o 0s <listing
cp "$T/out" obsolete
before=$(grep -c . listing)
ok "pruned" seg-rm <obsolete
seg-list >listing
is "$(grep -c . listing)" $((before - $(grep -c . obsolete))) \
	"what was to go is gone"
run seg-plan <listing
cp "$T/out" plan
run seg-fetch -q -d pruned <plan
cp "$T/out" files
restore_all files
run history check restored <"states/$last"
is "$(cat "$T/out")" "$count the same" "the newest states, after pruning"
ok "what is left in the store is good" seg-verify <listing
no_leftovers .
done_testing
