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

# --- directories that give what is made in them a group of their own
# place DIR GROUP: such a one, empty
place() {
	rm -rf "$1"
	mkdir "$1"
	chgrp "$2" "$1"
	chmod 2775 "$1"
}
# made DIR: modes and groups of what is below, each pair once
made() {
	find "$1" -type f -exec stat -c %a/%g {} + | sort -u | tr '\n' ' '
}
# way_of MODE GROUP WANTED: of a database of group 33 into a directory of GROUP
way_of() {
	rm -f a.db
	make_db a.db 300 4096 delete
	chgrp 33 a.db
	chmod "$1" a.db
	for dir in work store zstore fetched lazy m restored; do place $dir "$2"; done
	seg-cut -d work shop a.db >cuts
	sqlite3 a.db "UPDATE t SET v = 'x' WHERE id = 7"
	ok "$1 to $2: cut" sh -c 'seg-cut -d work shop a.db >>cuts'
	is "$(made work)" "$3/$2 " "$1 to $2: segments are $3"
	# Each step by itself: from files of the database's group and mode.
	[ "$1" = 604 ] || find work -type f -exec chgrp 33 {} + -exec chmod "$1" {} +
	ok "$1 to $2: uploaded" sh -c 'seg-upload -e -s store work/shop/*.seg'
	is "$(made store)" "$3/$2 " "$1 to $2: objects are $3"
	ok "$1 to $2: compressed" sh -c 'seg-upload -z -e -s zstore work/shop/*.seg'
	is "$(made zstore)" "$3/$2 " "$1 to $2: objects are $3"
	ok "$1 to $2: merged" sh -c 'seg-merge -d m work/shop/*.seg'
	is "$(made m)" "$3/$2 " "$1 to $2: a merge is $3"
	find store -type f -exec chgrp 33 {} + -exec chmod "$1" {} +
	seg-list -s store shop >listing
	ok "$1 to $2: fetched" seg-fetch -s store -d fetched <listing
	is "$(made fetched)" "$3/$2 " "$1 to $2: fetched files are $3"
	ok "$1 to $2: fetched lazily" seg-fetch -l -s store -d lazy <listing
	is "$(made lazy)" "$3/$2 " "$1 to $2: their merge is $3"
	ok "$1 to $2: restored" sh -c 'seg-restore restored/r.db work/shop/*.seg'
	ok "$1 to $2: a copy" sh -c 'seg-restore -u restored/u.db work/shop/*.seg'
	rm restored/u.db-seg
	is "$(made restored)" "$3/$2 " "$1 to $2: databases are $3"
}
if [ "$(id -u)" = 0 ]; then
	way_of 640 33 640
	way_of 640 34 600
	way_of 644 34 644
	way_of 604 34 600
	umask 027
	way_of 644 34 640
	umask 022
	# Two that are for their groups alone, which are two.
	way_of 640 33 640
	chgrp 34 "$(find work -name '*.seg' | head -n 1)"
	place m 33
	ok "a merge of two groups'" sh -c 'seg-merge -d m work/shop/*.seg'
	is "$(made m)" "600/33 " "is for neither"
	# -r: by what the data is for
	ok "an index rebuilt" sh -c 'rm work/shop/*.idx; chmod 2775 work/shop
		chgrp 34 work/shop; seg-verify -r work/shop/*.seg'
	is "$(find work -name '*.idx' -exec stat -c %a/%g {} + | sort | tr '\n' ' ')" \
		"600/34 640/34 " "of another group"
else
	note "not root: no groups"
fi

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

# --- access control lists
# acl WHICH PATH [WHAT]: its list is WHAT, or what it is; an entry is TAG:PERMISSIONS[:USER],
# the tags as Linux numbers them: 1 owner, 2 a user, 4 the group, 16 mask, 32 others
acl() {
	python3 - "$@" <<'PY'
import os, struct, sys
name, path = "system.posix_acl_" + sys.argv[1], sys.argv[2]
NOBODY = 0xffffffff
if len(sys.argv) > 3:
    entries = [[int(n) for n in e.split(":")] for e in sys.argv[3].split()]
    os.setxattr(path, name, struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", *(e + [NOBODY])[:3]) for e in entries))
else:
    try:
        value = os.getxattr(path, name)
    except OSError:
        value = b""
    print(*(":".join(map(str, e[:2 + (e[2] != NOBODY)]))
            for e in struct.iter_unpack("<HHI", value[4:])))
PY
}
for_one="1:6 2:6:65534 4:0 16:6 32:0"
: >probe
if acl access probe "$for_one" 2>acl.err; then
	# A user may read it, its group may not: a mode has no bits for that.
	way 644 644
	rm -rf w2 s2 m2 lazy2 f2
	acl access a.db "$for_one"
	is "$(stat -c %a a.db)" 660 "a list's mask shows as the group's bits"
	mkdir s2
	seg-cut -d w2 shop a.db >cuts2
	sqlite3 a.db "UPDATE t SET v = 'y' WHERE id = 8"
	ok "a database for one user more: cut" sh -c 'seg-cut -d w2 shop a.db >>cuts2'
	is "$(modes w2)" "600 " "its segments are not for its group"
	for f in w2/shop/*.seg w2/shop/*.idx; do acl access "$f" "$for_one"; done
	ok "segments for one more: uploaded" seg-upload -e -s s2 <cuts2
	is "$(modes s2)" "600 " "objects are not for the group"
	find s2 -type f ! -path '*/claims/*' | while read -r f; do
		acl access "$f" "$for_one"
	done
	seg-list -s s2 shop >listing2
	ok "objects for one more: fetched" seg-fetch -s s2 -d f2 <listing2
	is "$(modes f2)" "600 " "nor fetched files"
	ok "merged" sh -c 'seg-merge -d m2 w2/shop/*.seg'
	is "$(modes m2)" "600 " "nor a merge"
	ok "packed" sh -c 'seg-pack w2/shop/*.seg >packed'
	is "$(tar tvf packed | cut -c1-10 | head -n 1)" "-r--------" "nor what is packed"
	rm w2/shop/*.idx
	ok "index rebuilt" sh -c 'seg-verify -r w2/shop/*.seg'
	is "$(stat -c %a w2/shop/*.idx | sort -u)" 600 "nor an index made anew"

	# Who had a database has the one that takes its place, and nobody more.
	for with in "" "-u"; do
		rm -f r.db*
		sqlite3 r.db 'CREATE TABLE old(x)'
		acl access r.db "$for_one"
		ok "seg-restore -F $with" sh -c "seg-restore -F $with r.db w2/shop/*.seg"
		is "$(acl access r.db)" "$for_one" "keeps the list"
		is "$(stat -c %a r.db)" 660 "and the mode"
	done
	must_fail 2 fs FS_FAIL='fsetxattr@.segtmp=EPERM' \
		sh -c 'seg-restore -F r.db w2/shop/*.seg'
	err_like 'r.db: its access control list cannot be kept: ' "or says so"
	no_leftovers .
	mkdir for_one
	sqlite3 for_one/r.db 'CREATE TABLE old(x)'
	chmod 644 for_one/r.db
	acl default for_one "1:7 2:7:65534 4:5 16:7 32:0"
	ok "without a list" sh -c 'seg-restore -F for_one/r.db w2/shop/*.seg'
	is "$(acl access for_one/r.db)/$(stat -c %a for_one/r.db)" /644 "stays so"

	# What a directory says of files that are made in it: no more than that.
	for c in "seg-cut -d for_one shop a.db" "seg-restore for_one/n.db" \
		"seg-fetch -s store -d for_one" "seg-upload -s for_one" \
		"seg-merge -d for_one"; do
		chmod 644 a.db fetched/shop/*
		case $c in
		seg-fetch*) cp listing in ;;
		*) (for f in fetched/shop/*.seg; do echo "$f"; done; echo) >in ;;
		esac
		rm -rf for_one/*
		# shellcheck disable=SC2086
		ok "in a directory with a list: $c" $c <in
		is "$(find for_one -type f -perm /007)" "" "is not for others"
	done
	is "$(modes for_one)" "640 " "but for those that the list names"
fi
done_testing
