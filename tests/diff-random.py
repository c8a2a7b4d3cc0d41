#!/usr/bin/python3
"""diff-random.py COUNT SEED: random pairs of states, and what seg-diff makes of them.

For each pair: the SQL, run on a copy of the first state, gives the second one, and
that of --undo the first again: schema, all rows of all tables, types and bytes.
The counts of --summary are those that a comparison of all rows finds.  Prints what
is wrong; the status says whether anything is.  In the current directory; SEG_STORE
is made."""

import os
import subprocess
import sys

from randomdb import connect, contents, new_database, next_state, rng

count, seed = int(sys.argv[1]), int(sys.argv[2])
rng.seed(seed)


def expected_summary(a, b):
    lines = []
    own = ("schema", "versions", "check", "sqlite_sequence", "sqlite_stat1")
    for table in sorted((set(a) | set(b)) - set(own)):
        x, y = a.get(table, {}), b.get(table, {})
        counts = (len(y.keys() - x.keys()),
                  len([k for k in x.keys() & y.keys() if x[k] != y[k]]),
                  len(x.keys() - y.keys()))
        if any(counts):
            lines.append("%s\t%d\t%d\t%d" % ((table,) + counts))
    return sorted(lines)


def command(*args, **keywords):
    return subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False, **keywords)


def cut_all(round_no):
    """the plan of each database after its cut, without end line"""
    pairs = [x for i in range(count) for x in ("n%d" % i, "n%d.db" % i)]
    cut = command("seg-cut", "-q", "-d", "work", *pairs)
    command("seg-upload", "-q", "--create", input=cut.stdout)
    listing = command("seg-list", *["n%d" % i for i in range(count)])
    plans = command("seg-plan", input=listing.stdout).stdout.split(b"\n\n")[:-1]
    if len(plans) != count:
        sys.exit("round %d: %d plans: %s" % (round_no, len(plans), cut.stderr))
    return [p + b"\n\n" for p in plans]


def show(what, a, b):
    for k in sorted(set(a) | set(b)):
        if isinstance(a.get(k), dict) and isinstance(b.get(k), dict):
            show(what + ": " + k, a[k], b[k])
        elif a.get(k) != b.get(k):
            print("%s: %s:\n   %.1500r\n   %.1500r" % (what, k, a.get(k), b.get(k)))


def image(path, copy):
    """a copy of what is committed"""
    source, target = connect(path), connect(copy)
    source.backup(target)
    source.close()
    target.close()


def check(i, plans, failures):
    what = "pair %d" % i
    a, b = contents("n%d.first" % i), contents("n%d.db" % i)
    copy = "n%d.first" % i
    summary = command("seg-diff", "-q", "-v", "-v", "--summary", input=plans)
    if "VERBOSE" in os.environ:
        print(what, summary.stderr.decode())
    wanted = expected_summary(a, b)
    simple = [t for t in a["schema"] if t[0] == b"table"] == \
             [t for t in b["schema"] if t[0] == b"table"]
    if simple and sorted(summary.stdout.decode().splitlines()) != wanted and \
            not any(l.startswith("hidden\t") for l in wanted):
        print("%s: summary:\n%s\nnot\n%s" % (
            what, summary.stdout.decode(), "\n".join(wanted)))
        failures.append(what)
    for way, target in ((), b), (("--undo",), a):
        made = command("seg-diff", "-q", *way, input=plans)
        with open("script", "wb") as f:
            f.write(made.stdout)
        if made.returncode or made.stderr or not made.stdout.endswith(b"\nCOMMIT;\n"):
            print(what, way, made.returncode, made.stderr)
            failures.append(what)
        ran = command("sqlite3", "-bail", copy, stdin=open("script", "rb"))
        got = contents(copy)
        if ran.returncode or ran.stderr or got != target:
            print(what, way, ran.returncode, ran.stderr)
            show(what, got, target)
            failures.append(what)
            os.rename("script", "script.%d%s" % (i, "".join(way)))
            break


def main():
    os.makedirs(os.environ["SEG_STORE"], exist_ok=True)
    for i in range(count):
        new_database("n%d.db" % i)
    first = cut_all(1)
    for i in range(count):
        image("n%d.db" % i, "n%d.first" % i)
        next_state("n%d.db" % i)
    second = cut_all(2)
    failures = []
    for i in range(count):
        check(i, first[i] + second[i], failures)
    print("%d pairs, %d wrong" % (count, len(failures)))
    sys.exit(1 if failures else 0)


main()
