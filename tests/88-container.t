#!/bin/sh
# The container's entrypoint restores, protects and makes a last cut.
. "$(dirname "$0")/lib.sh"

mkdir store
SEG_STORE=$T/store
export SEG_STORE
make_db app.db 50

entry() {
	SEG_WORK=$T/work SEG_EVERY=100ms timeout -k 1 120 \
		sh "$SEGTOOLS_BUILD/inst/share/segtools/container/entrypoint.sh" "$@"
}
rows() {
	sql "$1" 'SELECT count(*) FROM t'
}
restored() {
	rm -f now.db
	seg-list shop | seg-plan | seg-fetch -d f | seg-restore now.db
}
ok "a program that writes and ends" entry shop app.db \
	sqlite3 app.db "INSERT INTO t SELECT id + 1000, v FROM t"
ok "restored" restored
is "$(rows now.db)" 100 "what it wrote last is in the store"
rm -rf app.db app.db-wal app.db-shm work
ok "on another machine" entry shop app.db \
	sqlite3 app.db "INSERT INTO t SELECT id + 2000, v FROM t"
is "$(rows app.db)" 200 "the database was restored, and went on"
ok "restored" restored
is "$(rows now.db)" 200 "and so did the store"
must_fail 7 entry shop app.db sh -c 'exit 7'
mv store away
must_fail 70 entry shop app.db sqlite3 app.db "INSERT INTO t VALUES(-2, 1)"
mv away store
# A store that cannot be asked is no new namespace.
SEG_STORE=$T/none
must_fail 70 entry shop new.db true
absent new.db
done_testing
