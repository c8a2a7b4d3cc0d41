#!/bin/sh
# segvfs.so: past states through SQLite's own interface, from its shell and from
# Python.
. "$(dirname "$0")/lib.sh"

SEG_STORE=$T/store
LD_LIBRARY_PATH=$SEGTOOLS_BUILD/inst/lib
export SEG_STORE LD_LIBRARY_PATH
mkdir store

# loading CMD...: it loads the extension, which is sanitized perhaps
loading() {
	if [ -n "${SANITIZED:-}" ]; then
		env "LD_PRELOAD=$(gcc -print-file-name=libasan.so)" \
			"ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0" "$@"
	else
		"$@"
	fi
}

# shell URI SQL...: in sqlite3, with the URI attached as p
shell() {
	shell_uri=$1
	shift
	loading sqlite3 -bail ':memory:' '.load segvfs' "ATTACH '$shell_uri' AS p" "$@"
}

stored() {
	seg-cut -d work shop shop.db >cuts && seg-upload <cuts >/dev/null
}

# Three states, in WAL mode, and when they were.
make_db shop.db 500
for i in 1 2 3; do
	sql shop.db "UPDATE t SET v = 'state $i' WHERE id = 7"
	stored
done
seg-list shop >listing
end1=$(sed -n 1p listing | cut -f 3)
time2=$(sed -n 2p listing | cut -f 4)

v='SELECT v FROM p.t WHERE id = 7'
ok "the newest" shell 'file:shop?vfs=seg' "$v"
is "$(cat out)" "state 3" "the row"
ok "a frame" shell "file:shop?vfs=seg&frame=$end1" "$v" 'PRAGMA p.integrity_check'
is "$(xargs <out)" "state 1 ok" "the row"
ok "a time" shell "file:shop?vfs=seg&time=$time2" "$v"
is "$(cat out)" "state 2" "the row"
ok "percent-encoded, and what changes nothing" shell \
	'file:sh%6fp?vfs=seg&mode=ro&immutable=1&nolock=1' "$v"
is "$(cat out)" "state 3" "the row"
ok "two moments and a join" shell 'file:shop?vfs=seg' \
	"ATTACH 'file:shop?vfs=seg&frame=$end1' AS q" \
	'SELECT a.v, b.v FROM p.t a JOIN q.t b USING (id) WHERE a.v <> b.v'
is "$(cat out)" "state 3|state 1" "what differs"
ok "a copy" loading sqlite3 -bail ':memory:' '.load segvfs' \
	".open 'file:shop?vfs=seg&frame=$end1'" "VACUUM INTO 'file:copy.db?vfs=unix'" \
	"ATTACH 'file:copy.db?vfs=unix' AS p" "$v"
is "$(cat out)" "state 1" "of what may be written"
must_fail 14 loading sqlite3 -bail ':memory:' '.load segvfs' \
	".open 'file:shop?vfs=seg'" "VACUUM INTO 'other.db'"
err_like '^segvfs: other.db: no segments$' "a file whose VFS is not named"
absent other.db
ok "little memory, and the disk" shell \
	'file:shop?vfs=seg&cachesize=0&cachedir=cache' 'PRAGMA p.integrity_check'
is "$(cat out) $(find cache -type f -perm 600 | wc -l)" "ok 5" \
	"is enough: of three indexes and two of the segments"

for bad in tim=1 TIME=1 cache=shared "time=$time2&frame=$end1" time=yesterday \
	frame=0 frame=x cachesize=x follow=x follow=1 'follow=0s&immutable=1' \
	'follow=0s&nolock=1' "frame=$end1&frame=$end1" frame=999999 \
	time=2001-01-01T00:00:00Z store=no-such-store cluster=a/b cluster=none \
	cachedir=no/such; do
	run shell "file:shop?vfs=seg&$bad" "$v"
	[ "$status" != 0 ]
	is "$?$(cat out)" 0 "$bad: no rows"
	err_like '^segvfs: ' "$bad: said why"
	err_like 'unable to open database' "$bad: SQLITE_CANTOPEN"
done
run shell 'file:no%2fsuch?vfs=seg' "$v"
err_like '^segvfs: no/such: not a namespace' "no namespace"
run shell 'file:shop?vfs=seg' 'DELETE FROM p.t'
err_like 'readonly database' "nothing can be written"
absent no-such-store shop no

# A segment that goes, whose frames are not fetched yet.
cat >gone.sql <<SQL
.bail on
.load segvfs
ATTACH 'file:shop?vfs=seg' AS p;
SELECT count(*) FROM p.sqlite_schema;
.system mv store store.was; mkdir store
SELECT sum(length(v)) FROM p.t;
SQL
run loading sqlite3 <gone.sql
is "$(cat out)" 2 "the schema, then nothing"
err_like 'disk I/O error' "SQLITE_IOERR"
err_like '^segvfs: .*/segments/.*: not in the store' "with the object's name"
rmdir store && mv store.was store

# --- Python: a state that is followed

cat >follow.py <<'PY'
import sqlite3, subprocess, sys
loader = sqlite3.connect(":memory:")
loader.enable_load_extension(True)
loader.load_extension("segvfs")
loader.close()
f = sqlite3.connect("file:shop?vfs=seg&follow=0s", uri=True,
    isolation_level=None)
g = sqlite3.connect("file:shop?vfs=seg", uri=True)
row = "SELECT count(*), max(CASE id WHEN 7 THEN v END) FROM t"
def show(what, db):
    print(what, *db.execute(row).fetchone(),
        db.execute("PRAGMA integrity_check").fetchone()[0])
def change(sql):
    w = sqlite3.connect("shop.db")
    w.executescript(sql)
    w.close()
    subprocess.run("""env -u LD_PRELOAD sh -c 'seg-cut -d work shop shop.db >cuts &&
        seg-upload <cuts >/dev/null'""", shell=True, check=True)
show("begin", f)
f.execute("BEGIN")
show("within", f)
change("UPDATE t SET v = 'state 4' WHERE id = 7")
show("within", f)
f.execute("COMMIT")
show("after", f)
change("DELETE FROM t WHERE id > 50; VACUUM")
show("shrunk", f)
change("""INSERT INTO t SELECT id + 1000, v FROM t;
    INSERT INTO t SELECT id + 2000, v FROM t;
    INSERT INTO t SELECT id + 4000, v FROM t""")
show("grown", f)
subprocess.run("""env -u LD_PRELOAD sh -c 'seg-list shop | seg-plan -c all |
    seg-fetch -d fetched | seg-merge -d merged | seg-upload >/dev/null &&
    seg-list shop | seg-plan -x -o 0s | seg-rm >/dev/null'""", shell=True,
    check=True)
show("merged", f)
show("not followed", sqlite3.connect("file:shop?vfs=seg", uri=True))
f.execute("CREATE TEMP TABLE x AS SELECT * FROM t")
print(*f.execute("SELECT count(*) FROM x").fetchone())
PY
ok "from Python" loading /usr/bin/python3 follow.py
cat >want <<'E2'
begin 500 state 3 ok
within 500 state 3 ok
within 500 state 3 ok
after 500 state 4 ok
shrunk 50 state 4 ok
grown 400 state 4 ok
merged 400 state 4 ok
not followed 400 state 4 ok
400
E2
same out want "follows, from one transaction to the next"

# --- Datasette, which Debian does not have: with SOAK=1, from PyPI

# One of a Python that can load extensions.
if [ -n "${SOAK:-}" ] && ! command -v datasette >/dev/null; then
	{ /usr/bin/python3 -m venv "$T/venv" &&
		"$T/venv/bin/pip" install -q datasette; } >venv.log 2>&1 ||
		skip "Datasette" "not to be had: $(tail -n 1 venv.log)"
	PATH=$PATH:$T/venv/bin
fi
if [ -n "${SOAK:-}" ] && command -v datasette >/dev/null; then
	mkdir plugins
	cat >plugins/past.py <<-'PY'
		import sqlite3
		from datasette import hookimpl
		from datasette.database import Database

		class Past(Database):
		    def connect(self, write=False):
		        return sqlite3.connect("file:shop?vfs=seg", uri=True,
		            check_same_thread=False)

		@hookimpl
		def startup(datasette):
		    loader = sqlite3.connect(":memory:")
		    loader.enable_load_extension(True)
		    loader.load_extension("segvfs")
		    datasette.add_database(Past(datasette, is_memory=True), name="past")
	PY
	ok "Datasette" loading datasette --memory --plugins-dir plugins \
		--get '/past/t.json?_shape=array&id=7&_nosuggest=1'
	out_like '"id": 7, "v": "state 4"' "shows a past state"
fi

# --- every page size and journal mode, as file and followed

for size in 512 1024 65536; do
	for mode in wal delete truncate; do
		rm -f shop.db* && rm -rf store work && mkdir store
		make_db shop.db 200 $size $mode
		stored
		for how in mode=ro follow=0s; do
			ok "$size bytes, $mode, $how" shell "file:shop?vfs=seg&$how" \
				'PRAGMA p.integrity_check' 'SELECT count(*) FROM p.t'
			is "$(xargs <out)" "ok 200" "the rows"
		done
	done
done
is "$(find . -name '*-shm' -o -name '*-journal' | grep -v '^./shop.db')" "" \
	"nothing is made beside anything"
done_testing
