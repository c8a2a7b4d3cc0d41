"""A database that lives: it is changed in all ways that SQLite has, and what it is
at a moment is known byte for byte."""

import hashlib
import os
import subprocess
import sys

TESTS = f"{os.environ['TOP']}/tests"
sys.path[:0] = [TESTS, f"{TESTS}/faults"]

# pylint: disable=wrong-import-position
from randomdb import (attempt, change_schema, changes, connect, new_database,
                      rng)
from segment import image

CHECKPOINTS = ("PASSIVE", "FULL", "RESTART", "TRUNCATE")


def read(path):
    """By another process: to close a file would take away the locks that SQLite
    has on it in this one."""
    return subprocess.run(["cat", path], stdout=subprocess.PIPE,
                          check=True).stdout


class Database:
    """While nobody is in a transaction."""

    def __init__(self, path, states):
        self.path, self.states = path, states
        new_database(path)
        self.open()

    def open(self):
        self.db = connect(self.path)
        self.db.execute("PRAGMA wal_autocheckpoint = %d"
                        % rng.choice([0, 3, 20, 1000]))
        self.reader = None

    def close(self):
        self.let_go()
        self.db.close()

    def let_go(self):
        if self.reader:
            self.reader.close()
            self.reader = None

    def hold(self):
        """A reader stands in the way of checkpoints for a while; without a log
        it would stand in everybody's way."""
        mode = self.db.execute("PRAGMA journal_mode").fetchone()[0]
        if mode != b"wal":
            return
        self.reader = connect(self.path)
        self.reader.execute("BEGIN")
        self.reader.execute("SELECT count(*) FROM sqlite_master").fetchall()

    def state(self):
        """The image of now has this name in the directory of states."""
        tree = {"db" + suffix: read(self.path + suffix)
                for suffix in ("", "-wal")
                if os.path.exists(self.path + suffix)}
        bytes_ = image(tree, "db")
        assert bytes_ is not None, f"{self.path}: damaged before any cut"
        name = hashlib.sha256(bytes_).hexdigest()
        with open(f"{self.states}/{name}", "wb") as f:
            f.write(bytes_)
        return name

    def change(self):
        pick = rng.random()
        self.let_go()
        if pick < 0.1:
            change_schema(self.db)
        elif pick < 0.15:
            attempt(self.db, "VACUUM")
        elif pick < 0.3:
            attempt(self.db, f"PRAGMA wal_checkpoint({rng.choice(CHECKPOINTS)})")
        elif pick < 0.35:
            self.mode()
        elif pick < 0.45:
            self.close()
            self.open()
        elif pick < 0.55:
            self.hold()
        changes(self.db, rng.choice([1, 1, 3, 10, 40]))
        assert not self.db.in_transaction, f"{self.path}: left in a transaction"

    def ready(self):
        """For commit()."""
        self.let_go()
        attempt(self.db, "CREATE TABLE entries(id INTEGER PRIMARY KEY, v)")

    def commit(self):
        """One transaction, or none: another one is in the way."""
        attempt(self.db, rng.choice([
            "INSERT INTO entries(v) VALUES(randomblob(%d))",
            "INSERT INTO entries(v) SELECT randomblob(900) FROM (VALUES(%d),"
            " (2), (3), (4), (5), (6), (7), (8))",
            "UPDATE entries SET v = v || 'x' WHERE id %% 5 = %d %% 5",
            "DELETE FROM entries WHERE id %% 7 = %d %% 7",
            "PRAGMA wal_checkpoint(PASSIVE) -- %d",
            "PRAGMA wal_checkpoint(TRUNCATE) -- %d",
            "VACUUM -- %d"]) % rng.choice([1, 10, 100, 6000]))

    def mode(self):
        attempt(self.db, "PRAGMA journal_mode = %s" % rng.choice(
            ["wal", "wal", "delete", "truncate", "persist"]))
        if rng.random() < 0.2:
            attempt(self.db, "PRAGMA page_size = %d" % rng.choice(
                [512, 1024, 2048, 4096]))
            attempt(self.db, "VACUUM")
