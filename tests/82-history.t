#!/bin/sh
# Random histories of real databases through every command.  200 databases (1000
# in the soak) go through rounds of changes in step; after each round every one
# of them is cut and its state is remembered.  Then each state is restored, byte
# for byte: before any merge, after each of three rounds of merging, in which
# every strategy meets every third of the databases, and after pruning.
. "$(dirname "$0")/lib.sh"

count=200
[ -z "${SANITIZED:-}" ] || count=60 # the same code, less often
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

# check_round DESC ROUND LISTING STATES: the state of each namespace in the
# listing at the time of the round
check_round() {
	run seg-plan -t "$(cat "time.$2")" <"$3"
	cp "$T/out" plan
	run seg-fetch -q -d fetched <plan
	cp "$T/out" files
	restore_all files >restore.out 2>&1
	run history check restored <"$4"
	is "$(cat "$T/out")" "$(wc -l <"$4") the same" "$1: round $2" ||
		show_file restore.out restore
}

check_states() { # DESC: of all rounds and namespaces
	for r in $(seq 0 $((rounds - 1))); do
		check_round "$1" "$r" listing "states/$r"
	done
}

names_of() { # GROUP: a third of the namespaces
	seq -f 'h%.0f' "$1" 3 $((count - 1))
}

# prune GROUP ROUND: of a third, what no moment since about that round needs;
# the rounds that are promised by it: in promised.GROUP
prune() {
	# shellcheck disable=SC2046
	seg-list $(names_of "$1") >chosen
	age=$((($(date +%s%3N) - $(cat "time.$2") + 999) / 1000))
	run seg-plan -x -o ${age}s <chosen
	cp "$T/out" obsolete
	oldest=$(($(date +%s%3N) - age * 1000))
	for r in $(seq 0 $((rounds - 1))); do
		[ "$(cat "time.$r")" -le "$oldest" ] || echo "$r"
	done >"promised.$1"
	before=$(grep -c . chosen)
	ok "pruned, of those before round $2" seg-rm -k catalog.db <obsolete
	# shellcheck disable=SC2046
	seg-list $(names_of "$1") >chosen
	note "$before segments, then $(grep -c . chosen)"
	is "$(grep -c . chosen)" $((before - $(grep -c . obsolete))) \
		"what was to go is gone"
}

set --
for i in $(seq 0 $((count - 1))); do set -- "$@" --add "h$i"; done
ok "a catalogue" seg-sync -k catalog.db "$@"

for r in $(seq 0 $((rounds - 1))); do
	ok "round $r: changes" history change db "$count" "$r"
	cp "$T/out" "states/$r"
	# Some databases lose their memory; one round is not uploaded in time.
	[ "$r" = 5 ] && rm -rf work/h*7
	ok "round $r: every database is cut" cut_all "$r"
	date +%s%3N >"time.$r"
	sleep 0.01
	[ "$r" = 2 ] || ok "round $r: uploaded" \
		seg-upload -m -k catalog.db <"cuts.$r"
done

ok "all namespaces are listed" seg-list
cp "$T/out" listing
is "$(grep -c '^$' listing)" "$count" "one set for each"
check_states "before merging"

set -- log levels:2 all
for pass in 1 2 3; do
	for group in 0 1 2; do
		# shellcheck disable=SC2046
		seg-list $(names_of "$group") >chosen
		run seg-plan -c "$1" <chosen
		cp "$T/out" plan
		run seg-fetch -q -d merging <plan
		cp "$T/out" files
		run seg-merge <files
		cp "$T/out" merged
		ok "pass $pass, $1: merged" seg-upload -m -k catalog.db <merged
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

# What is promised after pruning is really restored.
rm -rf fetched
prune 0 1
prune 1 3
prune 2 $last
for r in $(seq 0 $last); do
	groups=$(grep -lx "$r" promised.0 promised.1 promised.2 | sed 's/.*\.//')
	[ -n "$groups" ] || continue
	for group in $groups; do names_of "$group"; done >names
	# shellcheck disable=SC2046
	seg-list $(cat names) >listing
	grep -wFf names "states/$r" >states/now
	check_round "pruned, $(wc -l <names) that promise it" "$r" listing states/now
done

seg-list >listing
run seg-plan -x -o 0s <listing
cp "$T/out" obsolete
before=$(grep -c . listing)
ok "pruned" seg-rm -k catalog.db <obsolete
seg-list >listing
is "$(grep -c . listing)" $((before - $(grep -c . obsolete))) \
	"what was to go is gone"
ok "from the catalogue" seg-list -k catalog.db
same "$T/out" listing "it knows what was uploaded, merged and removed"
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
