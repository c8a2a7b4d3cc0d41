"""histories.py [-s SEED] [-t SECONDS | -n LIVES] [-l STEPS] [-w N] [-k DIR]

Random lives of databases, of so many steps, by N at a time.  A life has one to
three databases, a store, a machine or two.  Somebody changes, cuts, uploads,
merges, removes, restores, asks, copies, loses; commands are killed, calls and
requests fail.  After each step the store is what it must be, and what was
restored is what was cut, byte for byte.

The same SEED gives the same lives, as far as a life does not depend on time.  One
that goes wrong is told with all that it did, and stays in DIR.  Every third one,
by its seed, has its store in a bucket, if there is one (S3_PORT, S3_BUCKET, which
anybody may read and write: tests/s3.sh).
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import several
import steps
from databases import rng
from ending import settle
from service import Service
from world import Life

# How often; those after None need something in the store.
STEPS = {
    steps.backup: 10, steps.lose: 1, several.miss: 1, None: 0,
    steps.merge: 4, steps.prune: 3, steps.restore: 5, steps.replace: 2,
    steps.follow: 3, steps.query: 2, steps.diff: 1, steps.verify: 1,
    steps.copy: 1, steps.sync: 2,
}
# With a clock that goes as it should.
AT_ONCE = {several.protect: 1, several.crowd: 3}
TWO_MACHINES = {several.race: 3}


def possible(life):
    if not life.one():
        few = list(STEPS)
        return {s: STEPS[s] for s in few[:few.index(None)]}
    found = dict(STEPS)
    if not life.commands.clock:
        found.update(AT_ONCE)
    if len(life.machines) > 1:
        found.update(TWO_MACHINES)
    return found


def step(life):
    often = possible(life)
    chosen = rng.choices(list(often), list(often.values()))[0]
    life.steps += 1
    life.commands.note(f"--- {life.steps}: {chosen.__name__}")
    chosen(life)


def live(life, length, end):
    """So many steps, or up to a moment: what was wrong, or None."""
    try:
        while life.steps < length and time.monotonic() < end:
            step(life)
        settle(life)
    except Exception:  # pylint: disable=broad-except
        return traceback.format_exc()
    return None


def tell(life, seed, bad, keep):
    print(f"SEED {seed}: went wrong\n" + "\n".join(life.commands.log) + "\n"
          + bad, flush=True)
    if keep:
        shutil.copytree(life.root, f"{keep}/{seed}", symlinks=True)


def work(o, seeds):
    """In a process of its own: lives, until the time is over."""
    total, service = Counter(), None
    end = time.monotonic() + (o.t if o.n is None else 10 ** 9)
    for n, seed in enumerate(seeds):
        if n == o.n or time.monotonic() >= end:
            break
        if "S3_PORT" in os.environ and not service:
            service = Service(tempfile.mkdtemp(dir=os.environ["TMPDIR"]))
        root = tempfile.mkdtemp(dir=os.environ["TMPDIR"])
        life = Life(seed, root, service if seed % 3 == 0 else None)
        bad = live(life, o.l, end)
        if bad:
            tell(life, seed, bad, o.k)
        total.update(life.commands.count, lives=1, steps=life.steps,
                     compared=life.compared, wrong=bool(bad))
        life.close()
    return total


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("-s", type=int, default=int(time.time()))
    p.add_argument("-t", type=float, default=60)
    p.add_argument("-n", type=int)
    p.add_argument("-l", type=int, default=40)
    p.add_argument("-w", type=int, default=2)
    p.add_argument("-k")
    o = p.parse_args()
    total = Counter()
    with ProcessPoolExecutor(o.w) as pool:
        jobs = [pool.submit(work, o, range(o.s + n, o.s + 10 ** 9, o.w))
                for n in range(o.w)]
        for job in jobs:
            total.update(job.result())
    print(f"{total['lives']} lives from seed {o.s} on, {total['steps']} steps,"
          f" {total['pipelines']} pipelines, {total['kills']} killed,"
          f" {total['faults']} that met other faults;"
          f" {total['compared']} states compared, {total['wrong']} lives"
          " went wrong")
    return 1 if total["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
