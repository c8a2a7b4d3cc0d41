"""Random databases: all that a schema may have, all that a value may be, rows that
change in all ways.  Everything is chosen by rng, which who imports this seeds."""

import random
import sqlite3
import struct

rng = random.Random()

VALUES = [
    "NULL", "0", "1", "-1", "9223372036854775807", "-9223372036854775808",
    "0.1", "1.0", "-0.0", "9e999", "-9e999", "5e-324", "1.7976931348623157e308",
    "2.2250738585072011e-308", "123456789.123456789", "''", "'a'", "'A'", "'a '",
    "'it''s'", "'1'", "'1.0'", "char(10) || 'x' || char(13) || char(10)",
    "CAST(x'610062' AS TEXT)", "CAST(x'ff00fe41' AS TEXT)", "CAST(x'00d8' AS TEXT)",
    "char(0x1f600) || char(0xffff) || char(0xfeff)", "x''", "x'00ff'", "x'61'",
    "'-- ; COMMIT;'", "char(10) || 'COMMIT;' || char(10)", "'\"'",
]
SCHEMAS = [
    "CREATE TABLE ipk(id INTEGER PRIMARY KEY, a, b TEXT, c REAL)",
    "CREATE TABLE auto(id INTEGER PRIMARY KEY AUTOINCREMENT, a, b UNIQUE)",
    "CREATE TABLE nokey(a, b INTEGER, c BLOB)",
    "CREATE TABLE txt(k TEXT PRIMARY KEY COLLATE NOCASE, a, b NUMERIC)",
    "CREATE TABLE comp(a, b REAL, c, PRIMARY KEY(a, b))",
    "CREATE TABLE wr(a TEXT COLLATE RTRIM, b, c, PRIMARY KEY(b DESC, a)) WITHOUT ROWID",
    "CREATE TABLE wr2(a COLLATE NOCASE, b, PRIMARY KEY(a)) WITHOUT ROWID",
    "CREATE TABLE coll(a COLLATE NOCASE, b, PRIMARY KEY(a COLLATE BINARY))",
    "CREATE TABLE coll2(a COLLATE RTRIM, b, PRIMARY KEY(a COLLATE BINARY)) WITHOUT ROWID",
    "CREATE TABLE wr3(a REAL PRIMARY KEY, b, c UNIQUE) WITHOUT ROWID",
    "CREATE TABLE gen(a INTEGER PRIMARY KEY, b, v AS (b || 'x') VIRTUAL,"
    " s AS (a * 2) STORED, c)",
    "CREATE TABLE strict(a INTEGER PRIMARY KEY, b ANY, c TEXT) STRICT",
    "CREATE TABLE uniq(a INTEGER PRIMARY KEY, b UNIQUE, c, UNIQUE(c, b))",
    "CREATE TABLE \"odd \"\"name\"(\"a b\" PRIMARY KEY, \"select\", \"x'y\")",
    "CREATE TABLE rowids(rowid, oid, a PRIMARY KEY)",
    "CREATE TABLE hidden(rowid, oid, _rowid_)",
    "CREATE TABLE child(id INTEGER PRIMARY KEY, p REFERENCES ipk(id) ON DELETE CASCADE,"
    " CHECK(id <> -7))",
    "CREATE TABLE bare(a PRIMARY KEY DESC, b)",
    "CREATE TABLE desc_(a INTEGER PRIMARY KEY DESC, b)",
]
EXTRA = [
    ("ipk", "CREATE INDEX ipk_a ON ipk(a, b)"),
    ("ipk", "CREATE UNIQUE INDEX ipk_u ON ipk(c) WHERE c > 5"),
    ("nokey", "CREATE INDEX nokey_e ON nokey(lower(c))"),
    ("ipk", "CREATE VIEW ipk_v AS SELECT a FROM ipk -- a comment"),
    ("ipk", "CREATE TRIGGER ipk_t AFTER UPDATE ON ipk BEGIN"
            " UPDATE ipk SET b = b || '!' WHERE id = new.id + 1; END"),
    ("nokey", "CREATE TRIGGER nokey_t BEFORE DELETE ON nokey BEGIN"
              " INSERT INTO nokey VALUES(old.a, 7, 'by trigger'); END"),
    ("auto", "CREATE TRIGGER auto_t AFTER INSERT ON auto BEGIN"
             " UPDATE auto SET a = 'seen' WHERE id = new.id; END"),
]
FTS = [
    "CREATE VIRTUAL TABLE fts USING fts5(x, y)",
    "CREATE VIRTUAL TABLE fts4_ USING fts4(x)",
    "CREATE VIRTUAL TABLE rt USING rtree(id, x0, x1)",
]


def connect(path):
    db = sqlite3.connect(path, isolation_level=None)
    db.text_factory = bytes
    return db


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def names(db, kind):
    return [r[0].decode() for r in db.execute(
        "SELECT name FROM sqlite_master WHERE type = ? AND name NOT LIKE 'sqlite_%'",
        (kind,))]


def is_virtual(db, name):
    sql = db.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()
    return sql[0].upper().startswith(b"CREATE VIRTUAL")


def is_shadow(db, name):
    return any(is_virtual(db, n) and name.lower().startswith(n.lower() + "_")
               for n in names(db, "table"))


def columns(db, table, hidden):
    return [(r[1].decode(), r[5]) for r in db.execute(
        "PRAGMA table_xinfo(%s)" % quoted(table)) if hidden or r[6] == 0]


def value():
    pick = rng.random()
    if pick < 0.5:
        return rng.choice(VALUES)
    if pick < 0.6:
        return repr(rng.uniform(-1, 1) * 10.0 ** rng.randrange(-300, 300))
    if pick < 0.65:
        number = struct.unpack("<d", rng.randbytes(8))[0]
        return "NULL" if number != number or number in (9e999, -9e999) else repr(number)
    if pick < 0.7:
        return "x'%s'" % rng.randbytes(rng.choice([300, 3000, 20000])).hex()
    if pick < 0.75:
        return "printf('%%.*c', %d, 'z')" % rng.choice([400, 5000, 9000])
    return str(rng.randrange(60))


def attempt(db, sql):
    try:
        db.execute(sql)
    except sqlite3.Error:
        pass  # a constraint, a type: another one will do


def change_virtual(db, table):
    words = "'%s'" % " ".join(rng.choice(["ab", "cd", "ef", "gh"]) for _ in range(9))
    if table == "rt":
        attempt(db, "INSERT OR REPLACE INTO rt VALUES(%d, 1, %d)" % (
            rng.randrange(90), rng.randrange(1, 9)))
    elif table == "fts":
        attempt(db, "INSERT INTO fts VALUES(%s, 'y')" % words)
    else:
        attempt(db, "INSERT INTO fts4_ VALUES(%s)" % words)
    attempt(db, "DELETE FROM %s WHERE rowid = %d" % (table, rng.randrange(30)))


def change(db):
    table = rng.choice([n for n in names(db, "table") if not is_shadow(db, n)] or ["x"])
    if table == "x":
        return
    if is_virtual(db, table):
        change_virtual(db, table)
        return
    cols = [c for c, _ in columns(db, table, False)]
    pick = rng.random()
    col = rng.choice(cols)
    where = "%s %s %s" % (quoted(rng.choice(cols)), rng.choice(["=", "<", ">"]), value())
    if pick < 0.55:
        attempt(db, "INSERT %s INTO %s(%s) VALUES(%s)" % (
            rng.choice(["", "", "OR REPLACE"]), quoted(table),
            ",".join(map(quoted, cols)), ",".join(value() for _ in cols)))
    elif pick < 0.75:
        attempt(db, "UPDATE %s SET %s = %s WHERE %s" % (
            quoted(table), quoted(col), value(), where))
    elif pick < 0.8:
        attempt(db, "UPDATE %s SET %s = substr(%s, 1, length(%s) - 1) || 'q'"
                " WHERE length(%s) > 3000" % (
                    (quoted(table),) + (quoted(col),) * 4))
    elif pick < 0.9:
        attempt(db, "DELETE FROM %s WHERE %s = %s" % (
            quoted(table), quoted(col), value()))
    else:
        swap(db, table, cols)


def swap(db, table, cols):
    """two rows change places in a column, however unique it is"""
    col = quoted(rng.choice(cols))
    rows = db.execute("SELECT %s FROM %s LIMIT 40" % (col, quoted(table))).fetchall()
    if len(rows) < 2:
        return
    attempt(db, "UPDATE %s SET %s = CASE %s WHEN 1 THEN 2 WHEN 2 THEN 1 ELSE %s END"
            " WHERE %s IN (1, 2)" % (quoted(table), col, col, col, col))
    attempt(db, "BEGIN")
    attempt(db, "UPDATE %s SET %s = -1000 WHERE %s = 1" % (quoted(table), col, col))
    attempt(db, "UPDATE %s SET %s = 1 WHERE %s = 2" % (quoted(table), col, col))
    attempt(db, "UPDATE %s SET %s = 2 WHERE %s = -1000" % (quoted(table), col, col))
    attempt(db, "COMMIT")


def change_schema(db):
    pick = rng.randrange(9)
    tables = [n for n in names(db, "table")
              if not is_virtual(db, n) and not is_shadow(db, n)]
    if pick == 0:
        attempt(db, rng.choice(SCHEMAS))
    elif pick == 1 and tables:
        attempt(db, "DROP TABLE %s" % quoted(rng.choice(tables)))
    elif pick == 2 and tables:
        attempt(db, "ALTER TABLE %s ADD COLUMN added DEFAULT %s" % (
            quoted(rng.choice(tables)), rng.choice(["7", "'x'", "NULL", "1.5"])))
    elif pick == 3 and tables:
        attempt(db, "ALTER TABLE %s RENAME TO renamed" % quoted(rng.choice(tables)))
    elif pick == 4:
        kind = rng.choice(["index", "view", "trigger"])
        there = [n for n in names(db, kind)]
        if there:
            attempt(db, "DROP %s %s" % (kind, quoted(rng.choice(there))))
    elif pick == 5:
        attempt(db, rng.choice(EXTRA)[1])
    elif pick == 6:
        attempt(db, rng.choice(FTS))
    elif pick == 7:
        attempt(db, "PRAGMA user_version = %d" % rng.randrange(1000))
        attempt(db, "PRAGMA application_id = %d" % rng.randrange(1000))
    elif rng.random() < 0.5:
        attempt(db, "ANALYZE")
    else:
        virtual = [n for n in names(db, "table") if is_virtual(db, n)]
        if virtual:
            attempt(db, "DROP TABLE %s" % rng.choice(virtual))


def fill(db):
    """so many rows that few changes leave most pages as they are; long ones too"""
    for table in names(db, "table"):
        if is_shadow(db, table) or is_virtual(db, table):
            continue
        cols = len(columns(db, table, False))
        long = rng.choice([40, 40, 300, 3000])
        what = ["i"] + ["CASE i %% 37 WHEN 0 THEN printf('%%0%dd', i) ELSE"
                        " printf('%%060d', i) END" % long] * (cols - 1)
        attempt(db, "INSERT INTO %s WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL"
                " SELECT i + 1 FROM n WHERE i < %d) SELECT %s FROM n" % (
                    quoted(table), rng.choice([400, 1200]), ",".join(what)))


def new_database(path):
    db = connect(path)
    db.execute("PRAGMA page_size = %d" % rng.choice([512, 1024, 4096]))
    db.execute("PRAGMA encoding = '%s'" % rng.choice(
        ["UTF-8", "UTF-8", "UTF-16le", "UTF-16be"]))
    db.execute("PRAGMA auto_vacuum = %d" % rng.choice([0, 0, 1]))
    db.execute("PRAGMA journal_mode = %s" % rng.choice(["wal", "delete"]))
    db.execute("BEGIN")
    for sql in rng.sample(SCHEMAS, rng.randrange(2, 6)):
        attempt(db, sql)
    for table, sql in EXTRA:
        if rng.random() < 0.4:
            attempt(db, sql)
    if rng.random() < 0.25:
        attempt(db, rng.choice(FTS))
    if rng.random() < 0.4:
        fill(db)
    db.execute("COMMIT")
    changes(db, rng.randrange(20, 80))
    if rng.random() < 0.3:
        attempt(db, "ANALYZE")
    db.close()


def changes(db, n):
    attempt(db, "BEGIN")
    for _ in range(n):
        change(db)
        if rng.random() < 0.02:
            attempt(db, "COMMIT")
            attempt(db, "BEGIN")
    attempt(db, "COMMIT")


def next_state(path):
    db = connect(path)
    db.execute("PRAGMA foreign_keys = %d" % rng.choice([0, 1]))
    changes(db, rng.choice([0, 1, 3, 5, 40]))
    if rng.random() < 0.4:
        for _ in range(rng.randrange(1, 4)):
            change_schema(db)
        changes(db, rng.choice([0, 5]))
    if rng.random() < 0.15:
        attempt(db, "VACUUM")
        changes(db, 2)
    db.execute("PRAGMA user_version = %d" % rng.randrange(2))
    db.close()


def rows_of(db, table):
    """{identity: row}"""
    cols = columns(db, table, True)
    key = [c for c, pk in sorted(cols, key=lambda c: c[1]) if pk > 0]
    what = []
    for c, _ in cols:
        q = quoted(c)
        what.append("typeof(%s)" % q)
        what.append("CASE typeof(%s) WHEN 'real' THEN %s WHEN 'integer' THEN %s"
                    " ELSE hex(CAST(%s AS BLOB)) END" % (q, q, q, q))
    rowid = [r for r in ("rowid", "_rowid_", "oid")
             if r not in [c.lower() for c, _ in cols]]
    sql = "SELECT %%s, %s FROM %s" % (", ".join(what), quoted(table))
    try:
        rows = db.execute(sql % (rowid[0] if rowid else "0")).fetchall()
    except sqlite3.OperationalError:
        rows = db.execute(sql % "0").fetchall()
    found = {}
    for number, row in enumerate(rows):
        pairs = [(row[i], struct.pack("<d", row[i + 1]) if row[i] == b"real"
                  else row[i + 1]) for i in range(1, len(row), 2)]
        identity = [p for (c, _), p in zip(cols, pairs) if c in key]
        if not key or any(t == b"null" for t, _ in identity):
            identity = ["rowid", row[0] if rowid else number]
        found[repr(identity)] = repr(pairs)
    return found


def contents(path):
    db = connect(path)
    schema = sorted(db.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL"
        " AND name <> 'sqlite_sequence'").fetchall())
    found = {"schema": schema, "versions": (
        db.execute("PRAGMA user_version").fetchone(),
        db.execute("PRAGMA application_id").fetchone())}
    for table in names(db, "table"):
        if not is_virtual(db, table):
            found[table] = rows_of(db, table)
    for own in ("sqlite_sequence", "sqlite_stat1"):
        try:
            found[own] = sorted(map(repr, db.execute("SELECT * FROM " + own)))
        except sqlite3.Error:
            found[own] = []
    found["check"] = db.execute("PRAGMA integrity_check").fetchall()
    db.close()
    return found
