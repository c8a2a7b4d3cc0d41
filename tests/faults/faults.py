"""faults.py [-k K] [-w N] [-c CASE]... KIND...: commands that meet faults.

Kinds: calls  killed before and after each system call that changes files or
              makes them durable; each of them fails or is cut short
       power  the machine crashes: what was not synced is lost
       twice  killed, run again, and when that is done the machine crashes
       s3     each request is lost, refused, slow, answered by garbage, the
              last one of a killed run (S3_PORT, S3_BUCKET: a service whose
              bucket anybody may read and write)
-k K: every Kth point alone.  -w N: so many at a time.  -c CASE: that one alone.

After each fault: nothing half-made has a final name, nothing is out of order,
what was told is durable; and the next run, which nothing hinders, does it all
and leaves nothing behind.  See cases.py.  The table of what was tried comes last.
"""

import argparse
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from itertools import islice

import cases
import s3
from calls import Calls
from crash import Power, Twice
from place import Place

PIECE = 40  # points that are done together

# points(case, place): what can be done to it, as (description, arguments).
# try_one(case, place, description, *arguments): it is done; what was wrong then.
KINDS = {"calls": Calls, "power": Power, "twice": Twice, "s3": s3.Requests}


def applies(kind, case):
    return kind != "s3" or case.s3


def try_some(job):
    """In a process of its own: the failures of some points."""
    kind, case, points = job
    found = []
    place = place_of(kind)
    for what, point in points:
        bad = KINDS[kind].try_one(case, place, what, *point)
        if bad:
            found.append(f"{case}: {what}: " + "; ".join(bad))
    return kind, case.name, len(points), found


PLACES = {}


def place_of(kind):
    if kind not in PLACES:
        PLACES[kind] = KINDS[kind].place(
            tempfile.mkdtemp(dir=os.environ["TMPDIR"]))
    return PLACES[kind]


def all_jobs(kinds, chosen, every):
    made = cases.make(Place(tempfile.mkdtemp(dir=os.environ["TMPDIR"])))
    taken = 0
    for kind in kinds:
        for case in made:
            if not applies(kind, case) or (chosen and case.name not in chosen):
                continue
            place = place_of(kind)
            case.learn(place)
            points = []
            for point in KINDS[kind].points(case, place):
                taken += 1
                if taken % every == 0:
                    points.append(point)
            points = iter(points)
            while some := list(islice(points, PIECE)):
                yield kind, case, some


def print_table(kinds, count):
    print(f"{'':24}" + "".join(f"{k:>8}" for k in kinds))
    names = list(dict.fromkeys(name for _, name in count))
    for name in names:
        print(f"{name:24}" + "".join(
            f"{count.get((k, name), '-'):>8}" for k in kinds))
    print(f"{'points in all':24}" + "".join(
        f"{sum(n for (k, _), n in count.items() if k == kind):>8}"
        for kind in kinds))


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("-k", type=int, default=1)
    p.add_argument("-w", type=int, default=2)
    p.add_argument("-c", action="append")
    p.add_argument("kind", nargs="+", choices=KINDS)
    o = p.parse_args()
    count, bad = {}, 0
    jobs = list(all_jobs(o.kind, o.c, o.k))
    PLACES.clear()
    with ProcessPoolExecutor(o.w) as pool:
        for kind, name, n, found in pool.map(try_some, jobs):
            count[kind, name] = count.get((kind, name), 0) + n
            bad += len(found)
            for line in found:
                print(f"BAD {kind}: {line}", flush=True)
    print_table(o.kind, count)
    print(f"{bad} of them went wrong")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
