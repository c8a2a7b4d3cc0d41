#!/bin/sh
# The EXAMPLES of every manual page and the pipelines of the README are run, in
# a work directory with a live database, a store with a history, and a catalogue.
. "$(dirname "$0")/lib.sh"

# prepared: a fresh place in which each example can be run
prepared() {
	cd "$T" && rm -rf place && mkdir place && cd place || exit 1
	SEG_STORE=$PWD/backup
	export SEG_STORE
	mkdir backup
	make_db shop.db 200
	for i in 1 2 3 4 5 6 7 8 9 10; do
		sql shop.db "UPDATE t SET v = $i WHERE id = $i"
		seg-cut -d work shop shop.db >cuts && seg-upload <cuts
	done >/dev/null
	make_db blog.db 20
	seg-cut -d work blog blog.db >cuts && seg-upload <cuts >/dev/null
	seg-list shop >listing
	seg-sync -k catalog.db --add shop >/dev/null
	rm -f now.db copy.db cuts
	sql shop.db "UPDATE t SET v = 'new' WHERE id = 3"
}

# examples PAGE: its EXAMPLES, one command a line
examples() {
	awk '/^\.Sh (FIRST )?EXAMPLES/ { on = 1; next }
		/^\.Sh/ { on = 0 }
		on && /^\.Bd -literal/ { lit = 1; next }
		on && /^\.Ed/ { lit = 0; next }
		on && lit' "$1" |
		sed 's/\\e/\\/g; s/\\-/-/g; s/\\&//g' |
		awk '/\|$/ || /\\$/ { sub(/\\$/, ""); printf "%s ", $0; next } { print }'
}

for page in "$TOP"/man/*.1 "$TOP"/man/segtools.7; do
	name=$(basename "$page")
	examples "$page" >"$T/examples"
	[ -s "$T/examples" ]
	is $? 0 "$name has examples"
	case $name in
	*.1) # whoever opens a page sees some before anything is explained
		is "$(grep '^\.Sh' "$page" | sed -n 3,4p | tr '\n' ' ')" \
			".Sh FIRST EXAMPLES .Sh DESCRIPTION " "at its beginning"
		;;
	esac
	while read -r line; do
		prepared
		case $line in
		*2026-11-20*)
			# A moment that this history has no state of: the status
			# says so, and nothing else goes wrong.
			run sh -c "$line"
			is "$status" 1 "$name: $line"
			;;
		*)
			ok "$name: $line" sh -c "$line"
			;;
		esac
	done <"$T/examples"
done

# The README's first block, whole, in a place with nothing but a database.
cd "$T" && rm -rf place && mkdir place && cd place || exit 1
unset SEG_STORE
make_db shop.db 200
awk '/^```sh$/ { on = 1; next } on && /^```$/ { exit } on' "$TOP/README.md" |
	sed "s/2026-11-20T12:00:00Z/$(($(date +%s) + 3600))000/" >readme
[ "$(wc -l <readme)" -ge 6 ]
is $? 0 "the README has its pipelines"
ok "the README's pipelines" sh -e readme
for db in now.db then.db; do
	is "$(sqlite3 $db 'PRAGMA integrity_check; SELECT count(*) FROM t')" \
		"ok
200" "$db is the database"
done

# What segtools(7) claims of security names the tests that would see it broken.
sed -n '/^.Sh SECURITY/,$p' "$TOP/man/segtools.7" >"$T/security"
is "$(awk '/^\.It / { if (claim && !n) print claim; claim = $0; n = 0 }
	/^\.\\" tested by / { n++ } END { if (!n) print claim }' "$T/security")" "" \
	"each claim names a test"
sed -n 's/^\.\\" tested by //p' "$T/security" >"$T/claims"
while read -r claim; do
	grep -qF -e "${claim#*: }" "$TOP/tests/${claim%%: *}"
	is $? 0 "$claim"
done <"$T/claims"
done_testing
