#!/bin/sh
# Secrecy travels: who may not read a database may not read its segments, in a
# work directory, a store or a merge, nor what is restored from them.
. "$(dirname "$0")/lib.sh"

# modes PATH...: of the files below, different ones once
modes() {
	find "$@" -type f -exec stat -c %a {} + | sort -u |
		tr '\n' ' '
}

# way MODE WANTED: a database of that mode goes all the way
way() {
	rm -rf ./*.db ./*.db-seg work store fetched lazy m piped
	make_db a.db 300 4096 delete
	chmod "$1" a.db
	mkdir store
	seg-cut -d work shop a.db >cuts
	sqlite3 a.db "UPDATE t SET v = 'x' WHERE id = 7"
	ok "$1: cut" sh -c 'seg-cut -d work shop a.db >>cuts'
	is "$(modes work)" "$2 " "$1: segments are $2"
	ok "$1: uploaded" sh -c 'seg-upload -e -s store work/shop/*.seg'
	is "$(modes store)" "$2 " "$1: objects are $2"
	ok "$1: listed" seg-list -s store shop
	cp out listing
	ok "$1: fetched" seg-fetch -s store -d fetched <listing
	is "$(modes fetched)" "$2 " "$1: fetched files are $2"
	ok "$1: fetched lazily" seg-fetch -l -s store -d lazy <listing
	is "$(modes lazy)" "$2 " "$1: their merge is $2"
	ok "$1: merged" sh -c 'seg-merge -d m fetched/shop/*.seg'
	is "$(modes m)" "$2 " "$1: a merge is $2"
	rm m/shop/*.idx
	ok "$1: index rebuilt" sh -c 'seg-verify -r m/shop/*.seg'
	is "$(modes m)" "$2 " "$1: it is $2"
	ok "$1: restored" sh -c 'seg-restore r.db m/shop/*.seg'
	is "$(modes r.db)" "$2 " "$1: the database is $2"
	same r.db a.db "$1: and the same"
	ok "$1: a copy that follows" sh -c 'seg-restore -u u.db fetched/shop/*.seg'
	is "$(modes u.db)" "$2 " "$1: it is $2"
	ok "$1: by a pipe" sh -c 'seg-pack fetched/shop/*.seg | seg-unpack -d piped'
	is "$(modes piped)" "$2 " "$1: what comes out is $2"
}

way 600 600
way 640 640
way 644 644
way 666 644
way 604 604
umask 002
way 640 660
way 600 600
umask 022

# --- sets of mixed modes: what all of them may
way 644 644
set -- fetched/shop/*.seg
chmod 640 "$1"
chmod 604 "$2"
ok "a merge of mixed modes" sh -c 'seg-merge -d m2 fetched/shop/*.seg'
is "$(modes m2)" "600 " "is for those that all are for"
ok "a restore" sh -c 'seg-restore r2.db fetched/shop/*.seg'
is "$(modes r2.db)" "600 " "too"
find store -path '*/segments/*' -type f | {
	read -r f
	chmod 640 "$f"
}
ok "fetched lazily" seg-fetch -l -s store -d lazy2 <listing
is "$(modes lazy2)" "640 " "too"

# --- never more open on the way than at its end
way 600 600
# Before each operation of a file that would show it: who may read what is there?
for c in "seg-fetch -e -s store -d on" "seg-fetch -e -l -s store -d on" \
	"seg-upload -e --create -s on" "seg-merge -e -d on" \
	"seg-restore -e on/r.db"; do
	case $c in
	seg-fetch*) list=listing ;;
	*) list=cuts ;;
	esac
	sed '/^$/d' $list >records
	n=0
	open=
	st=137
	while [ $st = 137 ] && [ $n -lt 200 ]; do
		n=$((n + 1))
		rm -rf on
		[ "${c%% *}" != seg-restore ] || mkdir on
		st=0
		# shellcheck disable=SC2086
		(fs FS_KILL=$n $c <records >out) 2>err || st=$?
		[ ! -d on ] ||
			open=$open$(find on -type f -perm /044 -printf '%f ')
	done
	is "$st$open" 0 "$c: at none of $n moments"
	[ $n -gt 5 ]
	is $? 0 "there were some"
done
done_testing
