# shellcheck shell=sh
# Ten thousand databases with seg-cut --every 1s: what they cost while nothing
# changes, and how long it takes until one that changes is told.  In memory, where
# there is a tmpfs: the first cuts are 60,000 fsyncs.

many=10000
if [ -d /dev/shm ]; then
	here=$(mktemp -d /dev/shm/segtools-bench.XXXXXX) || exit 1
	cd "$here" || exit 1
else
	here=$PWD
fi
mkdir d
sqlite3 d/1.db 'PRAGMA journal_mode = wal; CREATE TABLE t(a); INSERT INTO t VALUES(1)' >/dev/null
i=1
while [ $i -le $many ]; do
	[ $i = 1 ] || cp d/1.db d/$i.db
	printf 'n%s\td/%s.db\n' $i $i
	i=$((i + 1))
done >list
touch told
seg-cut --every 1s -d w --list list >told 2>said &
cut=$!
trap 'kill $cut 2>/dev/null; [ "$here" = "$OLDPWD" ] || rm -rf "$here"' EXIT

# ticks: its CPU time, in hundredths of a second
ticks() {
	sed 's/.*) //' /proc/$cut/stat | awk '{ print $12 + $13 }'
}
while [ "$(grep -c / told)" -lt $many ]; do
	sleep 1
done
sleep 10
before=$(ticks)
sleep 20
awk -v b="$before" -v a="$(ticks)" -v n=$many 'BEGIN { v = (a - b) / 20
	printf "seg-cut --every 1s: %d idle databases, of a core\t%.2f %%\t3 %%\t%.2f\t< 1\n", n, v, v / 3 }'
awk -v n=$many '/^VmHWM/ {
	printf "seg-cut --every 1s: memory of %d databases\t%.1f MiB\t64 MiB\t%.2f\t< 1\n",
		n, $2 / 1024, $2 / 65536 }' /proc/$cut/status

now() {
	date +%s%N | cut -c 1-13
}
for i in 1 2 3 4 5; do
	sqlite3 d/$((i * 1999)).db "INSERT INTO t VALUES($i)"
	began=$(now)
	while ! grep -q "^w/n$((i * 1999))/" new 2>/dev/null; do
		sleep 0.01
		tail -n +$((2 * many + 1)) told >new
	done
	echo $(($(now) - began))
done >took
sort -n took | tail -n 1 | awk '{
	printf "seg-cut --every 1s: until one that changes is told, at most\t%d ms\t1100 ms\t%.2f\t< 1\n",
		$1, $1 / 1100 }'
kill $cut
wait $cut
