"""The commands that write, each on a small real case, and what must be true
after a fault and after the next run."""

import os
import re
import sqlite3
import zlib

from place import is_temporary, trees_differ
from segment import (KEY, catalogued, chain, data_is_whole, image,
                     index_is_whole)

OBJECTS = "store/v2/clusters/default/namespaces/shop"

# What fails after the set has ended.
METRICS = re.compile(r"^seg-merge: (m\.prom|\.): ", re.M)

# What has a time, a process or chance in it.
VARIES = re.compile(r"/claims/|/cut\.|segtools-writer$|-seg$|m\.prom$|-shm$"
                    r"|^c\.db")


def objects(name):
    """The paths of the two objects of NAMESPACE/KEY."""
    key = name.split("/")[1]
    return f"{OBJECTS}/segments/{key}", f"{OBJECTS}/indexes/{key}"


class Case:
    """A command whose outcome is always the same: what is under a final name
    is as it was or as it will be."""

    sets = True     # it prints sets
    once = False    # it runs until it is told to end
    moves = False   # what it takes away must be somewhere else
    s3 = False      # tried on S3, too
    threads = False # the order of its calls is another each time
    refuses = None  # a file that is not made twice
    retried = ()    # what fails is said, and done without
    plain = {}      # what it stores compressed

    def __init__(self, name, argv, start, stdin=b"", prepare=(), **more):
        self.name, self.argv, self.stdin = name, argv, stdin
        self.start, self.prepare = start, prepare
        self.__dict__.update(more)

    def __repr__(self):
        return self.name

    def set_up(self, place):
        place.clear(self.start)
        for argv, stdin in self.prepare:
            r = place.run(argv, stdin)
            assert r.status == 0, (argv, r)

    def run(self, place, **env):
        return place.run(self.argv, self.stdin, self.once, **env)

    def learn(self, place):
        """What it does when nothing is in the way."""
        self.set_up(place)
        self.before = place.tree()
        r = self.run(place)
        assert r.status == 0 and not place.scratch(), (self.name, r)
        self.after = place.tree()
        self.out = r.out

    @staticmethod
    def settle(root, stamps):
        """After a state of a crash was made: stamps as power.py has them."""

    # --- right after the fault

    def half(self, tree, told):
        """told: the whole lines of its output."""
        tree = self.without_sources(tree)
        bad = [f"half-made: {p}" for p in set(tree) | set(self.after)
               if not is_temporary(p) and not VARIES.search(p)
               and tree.get(p) not in (self.before.get(p), self.after.get(p))]
        bad += [f"no data: {p}" for p in tree
                if re.search(r"/indexes/\d", p)
                and not {p.replace("/indexes/", "/segments/") + z
                         for z in ("", ".zst")} & set(tree)]
        bad += [f"told too early: {name}" for name in told
                if not self.is_done(tree, name)]
        if self.moves:
            there = set(tree.values())
            bad += [f"lost: {p}" for p, b in self.before.items()
                    if p.endswith(".seg") and b not in there
                    and not self.is_compressed(tree, p)]
        return bad

    def stands(self, tree, told):
        """What it told of when no call had failed."""
        return []

    def is_compressed(self, tree, path):
        """Is it in the store so, as it will be?"""
        name = objects("shop/" + KEY.search(path)[0])[0] + ".zst"
        return name in tree and tree[name] == self.after.get(name)

    def is_done(self, tree, name):
        if KEY.search(name) and not re.search(r"\.(seg|idx)$", name):
            paths = [p + z for p in objects(name) for z in ("", ".zst")]
        else:
            paths = [name, re.sub("seg$", "idx", name)]
        return all(tree.get(p) == self.after.get(p) for p in paths)

    @staticmethod
    def told(out):
        """The first columns of the whole lines."""
        return [line.split("\t")[0] for line in out.decode().split("\n")[:-1]
                if line not in ("", "!")]

    def answer(self, r, tree, statuses=(0, 3)):
        """After a failure that it could tell of; a killed one cannot."""
        if r.status not in statuses:
            return [f"status {r.status}: {r.err}"]
        if r.status == 0:
            return self.is_right(r, tree)
        bad = []
        if not re.search(r"^seg-[a-z]+: \S.*: \S", r.err, re.M):
            bad += [f"nothing said: {r.err}"]
        if self.sets and r.out and not (
                r.out.endswith(b"!\n") or METRICS.search(r.err)):
            bad += [f"no failed set: {r.out}"]
        return bad

    def is_right(self, r, tree):
        bad = self.is_complete(tree)
        if sorted(r.out) != sorted(self.out):
            bad += [f"other output: {r.out}"]
        return bad

    def without_sources(self, tree):
        """seg-fetch -l gets whole what turned out wrong, and leaves it."""
        if self.argv[1:] != ["-ld", "f"]:
            return tree
        known = {(KEY.search(p)[0], b)
                 for p, b in [*self.start.items(), *self.plain.items()]
                 if KEY.search(p)}
        return {p: b for p, b in tree.items() if p[:2] != "f/"
                or is_temporary(p) or (KEY.search(p)[0], b) not in known}

    def is_complete(self, tree):
        tree = self.without_sources(tree)

        # What could not be removed, the next run removes: notes, and indexes
        # whose data has been moved.
        def fixed(t):
            return {p: b for p, b in t.items() if not VARIES.search(p)
                    and not p.endswith("/upload.moving")
                    and not (self.moves and re.search(r"^[wm]/.*\.idx$", p)
                             and p[:-3] + "seg" not in t)}

        # A claim of an END that is not the newest holds nobody up.
        return (trees_differ(fixed(tree), fixed(self.after))
                + [f"locked: {p}" for p in tree if p.endswith("/removal")])

    # --- the next run

    def next(self, place):
        made = self.refuses and place.tree().get(self.refuses)
        r = self.run(place)
        tree = place.tree()
        if made and r.status == 1 and made == self.after[self.refuses]:
            return self.left_over(place, tree)
        if r.status != 0:
            return [f"the next run: status {r.status}: {r.err}"]
        return self.is_complete(tree) + self.left_over(place, tree) + [
            f"left: {p}" for p in tree if self.moves and p[:2] in ("w/", "m/")
            and p.endswith(".idx")]

    def left_over(self, place, tree):
        return [f"left: {p}" for p in list(tree) + place.scratch()
                if is_temporary(p)]


class Cut(Case):
    """A cut has a time in it: what has a final name is whole, and the segments
    make the database."""

    upload = None  # what its output goes to

    def half(self, tree, told):
        bad = [f"half-made: {p}" for p, b in tree.items()
               if not is_temporary(p) and (
                   (p.endswith(".seg") and not data_is_whole(b))
                   or (p.endswith(".idx") and not index_is_whole(b)))]
        bad += [f"told too early: {p}" for p in told
                if p not in tree or p[:-3] + "idx" not in tree]
        return bad + trees_differ(
            {p: b for p, b in tree.items() if p in self.keep},
            {p: self.before[p] for p in self.keep})

    def learn(self, place):
        super().learn(place)
        self.keep = [p for p in self.before if not VARIES.search(p)]

    def is_right(self, r, tree):
        new = [p for p in self.told(r.out) if p not in self.before]
        return [] if new else [f"nothing cut: {r}"]

    def cut_and_restore(self, place):
        """It goes on, and its segments make the database."""
        r = self.run(place)
        if r.status != 0:
            return [f"the next run: status {r.status}: {r.err}"]
        if self.upload:
            u = place.run(self.upload, r.out)
            if u.status != 0:
                return [f"the upload: status {u.status}: {u.err}"]
            listed = place.run(["seg-list", "shop"])
            plan = place.run(["seg-plan"], listed.out)
            got = place.run(["seg-fetch", "-d", "f"], plan.out)
            r = place.run(["seg-restore", "-F", "r.db"], got.out)
        else:
            r = place.run(["seg-restore", "-F", "r.db"]
                          + chain(place.tree(), "w/shop/"))
        tree = place.tree()
        if r.status != 0 or tree["r.db"] != image(tree, "db"):
            return [f"another database: {r.err}"]
        # The two names are synced together: a crash may leave the second alone.
        return self.left_over(place, tree) + [
            f"alone: {p}" for p in tree
            if p.endswith(".idx") and p[:-3] + "seg" not in tree]

    def next(self, place):
        bad = self.cut_and_restore(place)
        if bad:
            return bad
        c = sqlite3.connect(f"{place.dir}/db")
        c.execute("UPDATE t SET v = 'after it' WHERE id = 11")
        c.commit()
        c.close()
        return [f"a cut later: {b}" for b in self.cut_and_restore(place)]


class Replace(Case):
    """The database is the old one or the new one, to who opens it."""

    sets = False

    def half(self, tree, told):
        got = image(tree, "r.db")
        return [] if got in (self.old, self.new) else ["neither old nor new"]

    def learn(self, place):
        super().learn(place)
        self.old = image(self.before, "r.db")
        self.new = image(self.after, "r.db")


class Update(Case):
    """A copy is the old state or the new one, and can be brought further."""

    sets = False
    later = b""  # the set that brings it further
    last = b""   # the database then

    @staticmethod
    def settle(root, stamps):
        """DB-seg knows the file beside it by inode and mtime: so that it does
        after that was written anew."""
        if not {"r.db", "r.db-seg"} <= set(os.listdir(root)):
            return
        inode, mtime = stamps["r.db"]
        os.utime(f"{root}/r.db", ns=(mtime, mtime))
        with open(f"{root}/r.db-seg", "rb+") as f:
            lines = f.read().split(b"\n")
            for i, line in enumerate(lines):
                field = line.split(b"\t")
                if len(field) == 10 and int(field[6]) == inode:
                    field[6] = b"%d" % os.stat(f"{root}/r.db").st_ino
                    line = b"\t".join(field[:9]) + b"\t"
                    lines[i] = line + b"%08x" % zlib.crc32(line)
            f.seek(0)
            f.truncate()
            f.write(b"\n".join(lines))

    def next(self, place):
        bad = super().next(place)
        r = place.run(["seg-restore", "-u", "r.db"], self.later)
        if not bad and (r.status != 0 or place.tree()["r.db"] != self.last):
            bad = [f"brought further: status {r.status}: {r.err}"]
        return bad


class Catalog(Case):
    """A file of SQLite's: what it says of shop is the old or the new listing;
    the same of which namespaces are monitored."""

    sets = False

    def learn(self, place):
        super().learn(place)
        self.newer = self.says(place)
        assert self.newer[0] == place.run(["seg-list", "shop"]).out
        self.set_up(place)
        self.older = self.says(place)

    @staticmethod
    def says(place):
        return [place.run(argv).out for argv in (
            ["seg-list", "-k", "c.db", "shop"],
            ["seg-sync", "-k", "c.db", "--monitored"])]

    def half(self, tree, told):
        return [f"told too early: {n}" for n in told]

    def is_complete(self, tree):
        return []

    def is_right(self, r, tree):
        return []

    def next(self, place):
        bad = []
        if "c.db" in place.tree():
            bad += [f"other: {said}" for said, *good in zip(
                self.says(place), self.older, self.newer)
                    if said not in (*good, b"", b"\n", b"!\n")]
        bad += super().next(place)
        if self.says(place) != self.newer:
            bad += [f"after the next run: {self.says(place)}"]
        return bad


class Recorded(Case):
    """Besides: what it told of is in the catalogue, or no more, but where the
    catalogue failed."""

    records = True

    def stands(self, tree, told):
        known = catalogued(tree)
        return [f"not recorded: {name}" for name in told
                if (name in known) != self.records]

    def is_complete(self, tree):
        return super().is_complete(tree) + [
            f"the catalogue: {name}"
            for name in catalogued(tree) ^ catalogued(self.after)]


class Query(Case):
    """Rows are right whatever is in the cache."""

    sets = False

    def half(self, tree, told):
        return []

    def is_complete(self, tree):
        return []

    def answer(self, r, tree, statuses=(0, 3)):
        if not self.out.startswith(r.out):
            return [f"other rows: {r.out}"]
        return super().answer(r, tree, statuses)

    def next(self, place):
        r = self.run(place)
        bad = super().next(place)
        return bad if r.out == self.out else bad + [f"other rows: {r}"]


class Diff(Query):
    """A script, or as much of it as does nothing."""

    @staticmethod
    def told(out):
        return out.decode().split("\n")[:-1]

    def half(self, tree, told):
        return ["ends too early"] if "COMMIT;" in told \
            and told != self.told(self.out) else []


# --- the cases


def make_history(place):
    """A database, three cuts of it in w/shop, their merge in m/shop."""
    place.clear({})
    c = sqlite3.connect(f"{place.dir}/db", isolation_level=None)
    c.execute("PRAGMA page_size = 1024")
    c.execute("PRAGMA journal_mode = WAL")
    c.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)")
    steps = ["INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT"
             " i + 1 FROM n WHERE i < 60) SELECT i, printf('%0200d', i * 7919)"
             " FROM n", "UPDATE t SET v = 'two' WHERE id % 7 = 0",
             "DELETE FROM t WHERE id > 50"]
    for step in steps:
        c.execute(step)
        assert place.run(["seg-cut", "-qd", "w", "shop", "db"]).status == 0
    c.execute("UPDATE t SET v = 'not cut yet' WHERE id % 9 = 0")
    tree = place.tree()
    files = sorted((p for p in tree if p.endswith(".seg")), reverse=True)
    r = place.run(["seg-merge", "-qd", "m"] + files)
    assert r.status == 0, r
    tree.update({p: b for p, b in place.tree().items() if p[:2] == "m/"})
    c.close()
    return tree, files


def part(tree, *prefixes):
    return {p: b for p, b in tree.items() if p.startswith(prefixes)
            and not p.endswith("-shm")}


def make(place):
    """All of them."""
    tree, files = make_history(place)
    work = part(tree, "w/")
    pairs = {p: b for p, b in work.items() if KEY.search(p)}
    merged = part(tree, "m/")
    stream = "".join(f + "\n" for f in files).encode() + b"\n"
    merged_file = next(p for p in merged if p.endswith(".seg"))

    def get(argv, start, stdin=b"", what="store/"):
        place.clear(start)
        r = place.run(argv, stdin)
        assert r.status == 0, (argv, r)
        return part(place.tree(), what), r.out

    store, listing = get(["seg-upload"], pairs, stream)
    both, merge_name = get(["seg-upload"], {**store, **merged},
                           merged_file.encode() + b"\n\n")
    first_two, _ = get(["seg-upload"], pairs,
                       stream.replace(files[2].encode() + b"\n", b""))
    _, packed = get(["seg-pack"], pairs, stream, "p/")
    zstd, zlisting = get(["seg-upload", "-z"], pairs, stream)
    plain_data = {p: b for p, b in store.items() if "/segments/" in p}
    zstd_data = {p: b for p, b in zstd.items() if "/segments/" in p}
    spare = re.sub(rb"^(shop/[-0-9]+).*", rb"\1.zst", listing, flags=re.M)
    fewer, _ = get(["seg-rm"], both, listing)

    def catalog(of, *names):
        add = [a for name in ("shop", *names) for a in ("--add", name)]
        return get(["seg-sync", "-k", "c.db", *add], of, what="c.db")[0]

    old, _ = get(["seg-restore", "r.db", files[0]], pairs, what="r.db")
    last, _ = get(["seg-restore", "r.db"], pairs, stream, "r.db")
    db = part(tree, "db")
    damaged = dict(pairs)
    del damaged[files[0][:-3] + "idx"]
    damaged[files[1][:-3] + "idx"] = b"damaged"
    replaced = {**pairs, "r.db": db["db"], "r.db-wal": db["db-wal"]}
    two = b"\n".join(f.encode() for f in files[:2]) + b"\n\n"
    place.clear({})
    metastore = sqlite3.connect(f"{place.dir}/meta.db")
    metastore.executescript(
        "CREATE TABLE namespace_configs(namespace TEXT PRIMARY KEY, config);"
        "INSERT INTO namespace_configs VALUES ('shop', x''), ('new', x'')")
    metastore.close()
    metastore = part(place.tree(), "meta.db")

    def cut(name, *args, start=None, **more):
        return Cut(f"seg-cut {name}".strip(),
                   ["seg-cut", *args, "-d", "w", "shop", "db"],
                   {**db, **(work if start is None else start)}, **more)

    s3 = {"s3": True}
    up = ["seg-upload", "-m"]
    return [
        cut("(the first)", start={}),
        cut(""),
        cut("--full", "--full"),
        cut("with a store", start={**work, **first_two}, upload=up, **s3),
        cut("--every 1h", "--every", "1h", once=True, upload=up,
            start={**work, **store}),
        Case("seg-upload", ["seg-upload"], work, stream, **s3),
        Case("seg-upload -m", up, work, stream, moves=True, **s3),
        Case("seg-upload (a merge)", up, {**store, **merged},
             merged_file.encode() + b"\n\n", moves=True, **s3),
        Recorded("seg-upload -mk", [*up, "-k", "c.db"],
                 {**work, **catalog(first_two)}, stream, moves=True),
        Case("seg-upload -z", ["seg-upload", "-z"], work, stream,
             threads=True, **s3),
        Case("seg-upload -z -m", up + ["-z"], work, stream, moves=True,
             threads=True, **s3),
        Case("seg-upload -z (plain left)", ["seg-upload", "-z"],
             {**work, **plain_data}, stream, **s3),
        Case("seg-upload (-z left)", ["seg-upload"], {**work, **zstd_data},
             stream, **s3),
        Case("seg-fetch", ["seg-fetch", "-d", "f"], store, listing, **s3),
        Case("seg-fetch (-z)", ["seg-fetch", "-d", "f"], zstd, zlisting, **s3),
        Case("seg-fetch -l (-z)", ["seg-fetch", "-ld", "f"], zstd, zlisting,
             plain=plain_data, **s3),
        Case("seg-fetch -i", ["seg-fetch", "-id", "f"], store, listing),
        Case("seg-fetch -l", ["seg-fetch", "-ld", "f"], store, listing, **s3),
        Case("seg-merge", ["seg-merge", "-d", "m", "--metrics", "m.prom"],
             pairs, stream),
        Case("seg-restore", ["seg-restore", "r.db"], pairs, stream,
             sets=False, refuses="r.db"),
        Replace("seg-restore -F", ["seg-restore", "-F", "r.db"], replaced,
                stream),
        Update("seg-restore -u (new)", ["seg-restore", "-u", "r.db"], pairs,
               two, later=stream, last=last["r.db"]),
        Update("seg-restore -u", ["seg-restore", "-u", "r.db"], pairs, two,
               prepare=[(["seg-restore", "-u", "r.db"],
                         files[0].encode() + b"\n\n")],
               later=stream, last=last["r.db"]),
        Case("seg-rm", ["seg-rm"], both, listing, **s3),
        Recorded("seg-rm -k", ["seg-rm", "-k", "c.db"],
                 {**both, **catalog(both)}, listing, records=False),
        Case("seg-rm (-z)", ["seg-rm"], {**zstd, **both}, listing, **s3),
        Case("seg-rm KEY.zst", ["seg-rm"], {**zstd, **store}, spare, **s3),
        Catalog("seg-sync (new)", ["seg-sync", "-k", "c.db", "--add", "shop"],
                store),
        Catalog("seg-sync", ["seg-sync", "-k", "c.db"],
                {**store, **catalog(first_two)}, **s3),
        Catalog("seg-sync --full", ["seg-sync", "--full", "-k", "c.db"],
                {**fewer, **catalog(both)}),
        Catalog("seg-sync --from-db",
                ["seg-sync", "-k", "c.db", "--from-db", "meta.db"],
                {**store, **metastore, **catalog(first_two, "gone")}),
        Case("seg-unpack", ["seg-unpack", "-d", "u"], {}, packed),
        Case("seg-verify -r", ["seg-verify", "-r"], damaged, stream),
        Query("seg-query --cache-dir",
              ["seg-query", "--cache-dir", "c",
               "SELECT count(*), sum(length(v)), max(v) FROM t"],
              store, listing, **s3),
        Diff("seg-diff", ["seg-diff"], store,
             listing.split(b"\n")[0] + b"\n\n" + listing, **s3),
    ]
