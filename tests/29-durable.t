#!/bin/sh
# What is said to be done is on the disk: a file is fsynced before it gets its
# name, its directory afterwards, and only then does a source go.  What fails on
# the way is said, and nothing is half-made.
. "$(dirname "$0")/lib.sh"

make_db a.db 300 4096 delete
ok "a cut" seg-cut -d seed shop a.db
sqlite3 a.db "UPDATE t SET v = 'x' WHERE id < 50"
ok "and another" seg-cut -d seed shop a.db
ok "a store" seg-upload -e --create -s full seed/shop/*.seg
ok "listed" seg-list -s full shop
cp out listing

# durable LOG: of each rule that its operations break, a line
durable() {
	sed "s,$T/,,g; s,$T\$,.,; s,\\./,,g; s,//*,/,g" "$1" | awk '
		function dir(path) {
			if (!sub(/\/[^\/]*$/, "", path))
				path = "."
			return path
		}
		{ op = $1; path = $2 }
		op ~ /^(open|write|ftruncate)$/ { dirty[path] = 1 }
		op ~ /^f(data)?sync$/ { delete dirty[path]; delete open[path] }
		op ~ /^(rename|renameat2|link|linkat)$/ {
			if (path in dirty)
				print "has its name before it is synced: " $3
			open[dir($3)] = 1
		}
		# (What comes back of a cut\047s memory is put in place again.)
		op == "unlink" && path !~ /\.segtmp|cut\.next$/ &&
		path ~ /^(w|full)\// {
			for (d in open)
				if (d !~ /^full/ || path ~ /^w/)
					print path " goes before " d " is synced"
			# What need not be synced, since the next run sweeps it.
			if (path !~ /^w\/.*(\.idx|\.moving)$/)
				gone[dir(path)] = 1
			else if (dir(path) in gone)
				print path " goes before the removal of its .seg is synced"
		}
		op ~ /^fsync$/ { delete gone[path] }
		END {
			for (d in open)
				print "never synced: " d
			for (d in gone)
				print "not synced after a removal: " d
		}'
}

# run_all CMD...: what each of the commands does, anew
for c in "seg-cut -d w shop b.db" "seg-upload -e -s new w/shop/*.seg" \
	"seg-upload -e -m -s new w/shop/*.seg" "seg-fetch -s full -d f <listing" \
	"seg-fetch -l -s full -d f <listing" "seg-fetch -i -s full -d f <listing" \
	"seg-merge -d m w/shop/*.seg" "seg-restore r.db w/shop/*.seg" \
	"seg-restore -F old.db w/shop/*.seg" \
	"rm w/shop/*.idx; seg-verify -r w/shop/*.seg" \
	"seg-rm -F -s full <listing"; do
	rm -rf w new f m log ./*.db
	cp -r seed w
	[ -d full ] || seg-upload -q -e --create -s full seed/shop/*.seg >out
	mkdir new
	make_db b.db 300 4096 delete
	make_db old.db 10 4096 delete
	ok "$c" fs FS_LOG="$T/log" sh -c "$c"
	is "$(durable log)" "" "its operations are in order"
	is "$(grep -c sync log | sed 's/^0$/none/')" \
		"$(grep -c sync log)" "and some are syncs"
done

# --- what a killed run has named, or made a directory of, and not synced, the
# next one syncs before it tells of it
synced() { # DESC LINE...: of the log, fsyncs
	desc=$1
	shift
	sed "s,$T/,,; s,$T\$,.," log >here
	for line; do
		grep -qxF "fsync $line" here || echo "$line"
	done >missing
	empty missing "$desc"
}
rm -rf w f m new
cp -r seed w
o=new/v2/clusters/default/namespaces/shop/segments
mkdir -p m/shop $o
ok "a merge" fs FS_LOG="$T/log" seg-merge -d m w/shop/*.seg
synced "into a directory that was there, and empty" m m/shop
ok "an upload" fs FS_LOG="$T/log" seg-upload -e -s new w/shop/*.seg
synced "into one that was there" ${o%/*} $o
rm -rf log full
ok "a store" seg-upload -e --create -s full seed/shop/*.seg
ok "seg-fetch -l" seg-fetch -l -s full -d f <listing
ok "again" fs FS_LOG="$T/log" seg-fetch -l -s full -d f <listing
synced "what it finds whole" f/shop

# --- what fails is said, leaves nothing half-made, and is done by the next run
# whole DIR: no index without its data
whole() {
	for idx in "$1"/shop/*.idx; do
		[ ! -e "$idx" ] || [ -e "${idx%idx}seg" ] || echo "$idx"
	done
	find "$1" -path '*/indexes/*' -type f ! -name '.segtmp-*' 2>/dev/null |
		while read -r idx; do
			[ -e "$(echo "$idx" | sed s/indexes/segments/)" ] ||
				echo "$idx"
		done
}
while IFS='|' read -r rule c in; do
	rm -rf w new f m ./?.db full
	cp -r seed w
	mkdir new
	make_db b.db 300 4096 delete
	seg-upload -q -e --create -s full seed/shop/*.seg >out
	must_fail 3 fs FS_FAIL="$rule" sh -c "$c" <"${in:-/dev/null}"
	err_like '(Input/output error|No space left on device)$' "$rule: said"
	is "$(grep -c . err)" "$(sort -u err | grep -c .)" "once"
	case $c in
	seg-restore*) absent r.db ;;
	*) is "$(tail -n 1 out)" '!' "its set failed" ;;
	esac
	is "$(whole w)$(whole m)$(whole f)$(whole new)" "" "nothing is half-made"
	is "$(find w m new -name '.segtmp-*' 2>/dev/null)" "" "nothing is left"
	ok "the next run" sh -c "$c" <"${in:-/dev/null}"
done <<'CASES'
fsync@.segtmp=EIO|seg-cut -d w shop b.db
rename@.segtmp=EIO|seg-cut -d w shop b.db
fsync@w/shop$=EIO|seg-cut -d w shop b.db
fsync@w/shop$#2=EIO|seg-cut -d w shop b.db
fsync@.segtmp=EIO|seg-fetch -s full -d f|listing
rename@.segtmp=EIO|seg-fetch -s full -d f|listing
fsync@f/shop$=EIO|seg-fetch -s full -d f|listing
fsync@.segtmp=ENOSPC|seg-fetch -l -s full -d f|listing
rename@.segtmp=EIO|seg-fetch -l -s full -d f|listing
fsync@.segtmp=EIO|seg-merge -d m w/shop/*.seg
rename@.segtmp=EIO|seg-merge -d m w/shop/*.seg
fsync@m/shop$=EIO|seg-merge -d m w/shop/*.seg
fsync@.segtmp=EIO|seg-upload -e -m -s new w/shop/*.seg
fsync@.seg$=EIO|seg-upload -e -m -s new w/shop/*.seg
fsync@.idx$=EIO|seg-upload -e -m -s new w/shop/*.seg
renameat2@.segtmp=EIO|seg-upload -e -m -s new w/shop/*.seg
fsync@/segments$=EIO|seg-upload -e -m -s new w/shop/*.seg
fsync@/indexes$=EIO|seg-upload -e -m -s new w/shop/*.seg
fsync@.segtmp=EIO|seg-restore r.db w/shop/*.seg
renameat2@.segtmp=EIO|seg-restore r.db w/shop/*.seg
write@.segtmp=ENOSPC|seg-restore r.db w/shop/*.seg
fsync@/indexes$=EIO|seg-rm -F -s full|listing
fsync@/segments$=EIO|seg-rm -F -s full|listing
unlink@/indexes/=EIO|seg-rm -F -s full|listing
CASES

# --- killed at every point: never an index without its data, of each segment a
# whole copy, and the next run of the same does the rest
sed -n 's,^shop/,w/shop/,; s/\t.*/.seg/p; /^$/p' listing >files
rm -rf full kept
seg-upload -q -e --create -s full seed/shop/*.seg >out
cp -r full/v2/clusters/default/namespaces/shop kept
# is_merged: the merge is in the store, and nothing else
is_merged() {
	seg-list -s full shop >there
	[ "$(grep -c . there)" = 1 ] && seg-plan <there >out &&
		[ "$(find full/v2 -path '*/segments/*' -type f | wc -l)" = 1 ]
}
mkdir merged
ok "a merge" seg-merge -d merged seed/shop/*.seg
sed 's/\t.*//' out >merge.files
for c in "seg-merge -d m <files" "seg-fetch -s full -d f <listing" \
	"seg-upload -s new <files" "seg-upload -m -s new <files" \
	"env FS_FAIL=linkat=EXDEV seg-upload -m -s new <files" \
	"seg-upload -m -s full <files" "seg-rm -s full <listing"; do
	store=new
	case $c in *-s\ full*) store=full ;; esac
	n=0
	st=137
	bad=
	while [ $st = 137 ] && [ $n -lt 300 ]; do
		n=$((n + 1))
		rm -rf w new f m full
		cp -r seed w
		seg-upload -q -e --create -s full seed/shop/*.seg >out
		case $c in
		seg-rm*) seg-upload -q -s full <merge.files >out ;;
		esac
		mkdir new
		st=0
		(fs FS_KILL=$n sh -c "exec $c" >out) 2>err || st=$?
		bad="$bad$(whole m)$(whole f)$(whole new)$(whole full)"
		for seg in seed/shop/*.seg; do
			key=$(basename "$seg" .seg)
			cmp -s "$seg" "w/shop/$key.seg" || cmp -s "$seg" \
				"$(find $store -path "*/indexes/$key" |
					sed s,/indexes/,/segments/,)" ||
				bad="$bad $n:lost"
		done
		sh -c "$c" >out 2>err || bad="$bad $n:next:$(cat err)"
		case $c in
		*seg-upload*new*) diff -r kept new/v2/clusters/default/namespaces/shop >diff.out ||
			bad="$bad $n:$(cat diff.out)" ;;
		*seg-upload*) seg-list -s full shop >out
			cmp -s out listing || bad="$bad $n:other" ;;
		seg-rm*) is_merged || bad="$bad $n:other" ;;
		esac
		case $c in
		*seg-upload* | seg-rm*)
			# Nothing is left for others to trip over.
			[ -z "$(find w new full -name '.segtmp-*')" ] ||
				bad="$bad $n:temporary"
			[ -z "$(find new full -name removal)" ] ||
				bad="$bad $n:lock"
			;;
		esac
		case $c in
		*seg-upload\ -m*) [ -z "$(find w -name '*.seg' -o -name '*.idx')" ] ||
			bad="$bad $n:left" ;;
		esac
	done
	is "$st$bad" 0 "$c: killed at each of $n points"
	[ $n -gt 3 ]
	is $? 0 "there were some"
done
done_testing
