"""Steps in which several are at work at once, or the store is away."""

import os
import signal
import time

from commands import is_done
from databases import rng
from promise import reachable
from steps import (catalogue, change, cut, merging, plan, removing, repeat,
                   some_of, tried, upload)
from world import Attempt


def protect(life):
    """seg-cut --every | seg-upload, beside a writer."""
    machine, some = rng.choice(life.machines), some_of(life.histories)
    log = {h: begin_log(life, h) for h in some}
    stages = [cut(machine, some, "--every", rng.choice(["1ms", "10ms", "50ms"])),
              upload(life, "-m")]
    fault = life.fault(stages)
    start = life.now()
    running = life.commands.start(stages, fault)
    away = fault is None and rng.random() < 0.3
    for n in range(rng.choice([5, 15, 30])):
        if away and n in (2, 4):
            outage(life, n == 2)
        for h in some:
            begin = life.now()
            h.database.commit()
            log[h].append((begin, h.database.state()))
        time.sleep(rng.choice([0, 0, 0.01, 0.03]))
    end_of(running.processes[0])
    r = life.commands.finish(running)
    for h in some:
        h.attempts.append(Attempt(start, life.now() + 1, log[h]))
    life.judge(r, (1, 2, 3) if away or len(life.machines) > 1 else ())
    life.learn(machine)
    life.look(r)
    repeat(life, machine, some)


def begin_log(life, h):
    h.database.ready()
    return [(0, h.database.state())]


def end_of(process):
    """It is told to end, if it has not."""
    os.kill(process.pid, signal.SIGTERM)


def outage(life, begins):
    """Of a directory; what asks a bucket meets fault_of_requests() instead."""
    store = f"{life.root}/store"
    if not life.proxy and begins:
        os.rename(store, store + "-away")
    elif not life.proxy:
        os.rename(store + "-away", store)


def miss(life):
    """A backup while the store is away."""
    change(life)
    machine = rng.choice(life.machines)
    if life.proxy:
        life.proxy.rules("* reset-before -")
    outage(life, True)
    stages = [cut(machine, life.histories), upload(life)]
    if life.proxy:
        stages = [argv + ["--retry-for", "0"] for argv in stages]
    r = tried(life, [machine], life.histories,
              lambda: life.run(stages, None, (1, 2, 3)))
    outage(life, False)
    if life.proxy:
        life.proxy.rules()
    life.look(r)
    repeat(life, machine, life.histories)


def race(life):
    """Two machines continue the same END, with different states or the same."""
    h = rng.choice(life.histories)
    repeat(life, rng.choice(life.machines), [h])
    stages, lists = [], []
    for machine in life.machines:
        h.database.change()
        lists.append(f"{machine}.cuts")
        r = tried(life, [machine], [h], lambda m=machine: life.run(
            [cut(m, [h], "-F")], None))
        with open(f"{life.root}/{lists[-1]}", "w", encoding="utf-8") as f:
            f.write(r.out)
    stages = [[["cat", name], upload(life)] for name in lists]
    at_once(life, stages)
    life.look()
    repeat(life, rng.choice(life.machines), [h])


def at_once(life, pipelines, allowed=(0, 1, 3)):
    """Of which one may meet a fault.  The results, in order."""
    faulty = rng.randrange(len(pipelines))
    running = [life.commands.start(
        stages, life.fault(stages) if n == faulty and not life.proxy else None)
        for n, stages in enumerate(pipelines)]
    results = [life.commands.finish(r) for r in running]
    for r in results:
        life.judge(r, allowed)
    return results


def crowd(life):
    """Backups, merges, removals, restores of one history, all at once."""
    h = life.one()
    machine = rng.choice(life.machines)
    h.database.change()
    newest = max(h.must)
    catalogue(life)
    work = {
        "backup": [cut(machine, [h]), upload(life, "-m")],
        "merge": merging(life, h, [rng.choice(["all", "log", "levels:2"])], "s0"),
        "merge too": merging(life, h, [rng.choice(["all", "log"])], "s1"),
        "remove": removing(life, h, ["-o", "0s"]),
        "remove too": removing(life, h, ["-o", "1s", "--keep", "2h"]),
        "restore": plan(h, "-f", str(newest)) + [
            ["seg-fetch", "-d", "s0"], ["seg-restore", "-F", "out/crowd.db"]],
        "sync": [["seg-sync", "-k", "c.db", "--full"]],
        "verify": [["seg-list", h.name], ["seg-verify"]],
    }
    chosen = rng.sample(sorted(work), rng.choice([2, 3, 4]))
    if {"remove", "remove too"} & set(chosen):
        h.must = {newest}
        # A list that is made late has the backup, and a merge of it.
        h.passed = {newest} if "backup" in chosen else set()
    results = tried(life, [machine], [h], lambda: at_once(
        life, [work[what] for what in chosen]))
    life.look()
    h.passed = set()
    h.known = False
    h.must &= reachable(h.listing)
    if "restore" in chosen and is_done(results[chosen.index("restore")]):
        life.compare("out/crowd.db", {h.state_of(newest)})
    repeat(life, machine, [h])
