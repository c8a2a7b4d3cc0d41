"""Just enough of segtools' files to say whether one is whole."""

import re
import sqlite3
import tempfile
import zlib
from collections import namedtuple
from contextlib import closing, contextmanager

Key = namedtuple("Key", "start end time")

KEY = re.compile(r"(\d{20})-(\d{20})-(\d{20})")


def key_of(path):
    m = KEY.search(path)
    return m and Key(int(m[2]), 2**64 - 1 - int(m[1]), int(m[3]))


def le(b, at, size):
    return int.from_bytes(b[at:at + size], "little")


def data_is_whole(b):
    if len(b) < 64:
        return False
    page = le(b, 50, 2)
    return (len(b) == 64 + le(b, 10, 4) * (16 + (65536 if page == 1 else page))
            and le(b, len(b) - 4, 4) == zlib.crc32(b[:-4]))


def index_is_whole(b):
    return (len(b) > 22 and len(b) == 22 + le(b, 10, 8)
            and le(b, 18, 4) == zlib.crc32(b[22:]))


def chain(tree, work):
    """The .seg files of a work directory that restore the newest state."""
    keys = sorted((key_of(p).end, key_of(p).start, p) for p in tree
                  if p.startswith(work) and p.endswith(".seg")
                  and p[:-3] + "idx" in tree and not re.search("segtmp", p))
    last = max((i for i, k in enumerate(keys) if k[1] == 1), default=None)
    if last is None:
        return []
    found = [keys[last]]
    for k in keys[last + 1:]:
        if k[1] == found[-1][0] + 1:
            found.append(k)
    return [p for _, _, p in found]


@contextmanager
def opened(tree, db):
    """What is there of a database, WAL included: a connection to a copy, and
    its file."""
    with tempfile.TemporaryDirectory() as d:
        for suffix in ("", "-wal", "-journal"):
            if db + suffix in tree:
                with open(f"{d}/db{suffix}", "wb") as f:
                    f.write(tree[db + suffix])
        with closing(sqlite3.connect(f"{d}/db")) as c:
            yield c, f"{d}/db"


def image(tree, db):
    """The database file that SQLite makes of it; None if it is none."""
    with opened(tree, db) as (c, name):
        try:
            c.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            good = c.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            c.close()
        except sqlite3.DatabaseError:
            return None
        with open(name, "rb") as f:
            return f.read() if good else None


def catalogued(tree):
    """The segments that the catalogue c.db knows, by their names."""
    with opened(tree, "c.db") as (c, _):
        return {f"{name}/{2**64 - 1 - int(end):020}-{start}-{time}"
                for name, end, start, time in c.execute(
                    "SELECT n.name, s.end, s.start, s.time FROM segments s"
                    " JOIN namespaces n ON n.id = s.namespace_id")}
