"""What a life has: databases, machines, stores; what is true of them, and what
must be so after each step."""

import hashlib
import os
import shutil
import time
from collections import namedtuple

from commands import (ASK_STORE, Bad, Commands, Fault, is_done, is_recorded,
                      text_of)
from databases import Database, rng
from promise import reachable
from segment import key_of

NAMES = ["shop", "a b", "été", "x'y", "n%2F&", "100%", "~"]
ERRORS = ("EIO", "ENOSPC", "EINTR", "EDQUOT", "SHORT")
WRITERS = ("seg-cut", "seg-fetch", "seg-merge", "seg-restore", "seg-rm",
           "seg-sync", "seg-unpack", "seg-upload")
ONCE = ("reset-before", "reset-during", "reset-after", "500", "503", "short",
        "reset-body", "flip", "garbage", "403")
MINUTE = 60

# A cut was tried from one moment to another, in milliseconds by its own clock.
# What the database was then: states, each with the moment from which on it could
# be that, of which a cut has one that is not before that of the cut before.
Attempt = namedtuple("Attempt", "begin end states")


class History:
    """A namespace: what it was at each END, and to which ENDs the store must lead
    back."""

    def __init__(self, name, database):
        self.name, self.database = name, database
        self.attempts = []
        self.states = {}   # (END, TIME): the name of an image
        self.ends = {}     # of all that was ever published: END: TIME
        self.listing = set()
        self.must = set()
        self.passed = set()  # those of them that a removal may find not the newest
        self.known = True  # to the catalogue; "new" but for what is newer

    def learn(self, key, find=None):
        """A segment is of a state that was cut, maybe by one that was killed; find
        finds out of which one."""
        if (key.end, key.time) in self.states:
            return
        for a in self.attempts:
            if not a.begin <= key.time <= a.end:
                continue
            if len(a.states) == 1:
                self.states[key.end, key.time] = a.states[0][1]
            elif find:
                self.states[key.end, key.time] = self.pick(a, key, find())
            return
        raise Bad(f"{self.name}: {key}: nothing was cut then")

    def pick(self, attempt, key, state):
        for n, (begin, name) in enumerate(attempt.states):
            if name == state and begin <= key.time:
                del attempt.states[:n]
                return state
        raise Bad(f"{self.name}: {key}: no state that was, or out of order")

    def seen(self, listing, find):
        """What the store has now."""
        for k in sorted(listing):
            if self.ends.setdefault(k.end, k.time) != k.time:
                raise Bad(f"{self.name}: a fork: {k}, {self.ends[k.end]}")
        self.continues(listing)
        for k in sorted(listing, key=lambda k: k.end):
            self.learn(k, lambda k=k: find(k))
        self.listing = listing
        there = reachable(listing)
        lost = self.must - there
        if lost - self.passed or lost and max(there, default=0) < max(lost):
            raise Bad(f"{self.name}: lost: {sorted(lost)}")

    def continues(self, listing):
        """Each new END follows the one that was the newest before it."""
        last = max(self.must, default=0)
        for end in sorted({k.end for k in listing}):
            if end <= last:
                continue
            if not {1, last + 1} & {k.start for k in listing if k.end == end}:
                raise Bad(f"{self.name}: {end} does not follow {last}")
            self.must.add(end)
            last = end

    def unrecorded(self, listing):
        """Somebody did that without the catalogue."""
        last = max(self.ends, default=0)
        if {k for k in self.listing ^ listing if k.end <= last}:
            self.known = False
        elif self.listing != listing and self.known:
            self.known = "new"

    def state_of(self, end):
        return self.states[end, self.ends[end]]


class Life:
    def __init__(self, seed, root, proxy=None):
        rng.seed(seed)
        self.root, self.proxy = root, proxy
        for d in ("tmp", "states", "out", "store"):
            os.makedirs(f"{root}/{d}")
        self.store = proxy.store_of(root) if proxy else "store"
        self.cluster = rng.choice(["default", "c 2"])
        self.commands = Commands(root, {
            "TMPDIR": f"{root}/tmp", "SEG_STORE": self.store,
            "SEG_CLUSTER": self.cluster,
            **({"AWS_ENDPOINT_URL_S3": proxy.url} if proxy else {})}, proxy)
        self.steps = self.compared = 0
        # One has days between its steps, another has no time to lose.  (A service
        # knows what time it is.)
        self.offset = 0
        if not proxy and rng.random() < 0.4:
            self.commands.clock = f"{root}/clock"
            self.move_clock(0)
        several = not self.commands.clock and rng.random() < 0.5
        self.machines = ["w0", "w1"] if several else ["w0"]
        self.faulty = rng.choice([0, 0.3, 0.6])
        # The machines that have lost what they knew, and continue by -F alone.
        self.strange = set()
        self.histories = [
            History(name, Database(f"{root}/{n}.db", f"{root}/states"))
            for n, name in enumerate(rng.sample(NAMES, rng.choice([1, 2, 3])))]

    def close(self):
        for h in self.histories:
            h.database.close()
        shutil.rmtree(self.root)
        if self.proxy:
            self.proxy.clear(self.root)

    # --- time

    def move_clock(self, seconds):
        self.offset += seconds
        with open(self.commands.clock, "w", encoding="utf-8") as f:
            f.write(f"{self.offset} 1\n")

    def pass_time(self):
        if self.commands.clock:
            self.move_clock(rng.choice([1, MINUTE, 60 * MINUTE, 24 * 60 * MINUTE])
                            * rng.randrange(1, 20))

    def now(self):
        """In milliseconds, as the commands see it."""
        return int((time.time() + self.offset) * 1000)

    # --- what happens

    def fault(self, stages, only=None):
        """None, mostly.  only: that one meets it."""
        if rng.random() >= self.faulty:
            return None
        if self.proxy and rng.random() < 0.5:
            return self.fault_of_requests(stages)
        writers = [n for n, argv in enumerate(stages) if argv[0] in WRITERS]
        stage = rng.choice(writers or range(len(stages)))
        stage = stage if only is None else only
        n = int(2 ** rng.uniform(0, 7))
        pick = rng.random()
        if pick < 0.6:
            n = str(n) + rng.choice(["", "+"])
            return Fault(f"killed at {n}", stage, {"FS_KILL": n})
        if pick < 0.75:
            seconds = rng.uniform(0, 0.03)
            stage = rng.randrange(len(stages)) if only is None else only
            return Fault(f"killed after {seconds}", stage, seconds=seconds)
        rule = f"any#{n}={rng.choice(ERRORS)}"
        return Fault(rule, stage, {"FS_FAIL": rule})

    def fault_of_requests(self, stages):
        n = int(2 ** rng.uniform(0, 5)) - 1
        stage = max(i for i, argv in enumerate(stages) if argv[0] in ASK_STORE)
        what, argument = rng.choice(ONCE), ""
        if rng.random() < 0.4:
            what = rng.choice(["kill-before", "kill-after"])
            argument = self.proxy.pid
        rule = f"* {what} {n}+1 {argument}"
        return Fault(rule, stage, rules=[rule])

    def run(self, stages, fault=None, allowed=()):
        """allowed: statuses beside 0 of whoever meets no fault."""
        r = self.commands.run(stages, fault)
        self.judge(r, allowed)
        return r

    @staticmethod
    def judge(r, allowed=()):
        if not r.fault and not set(r.statuses) <= {0, *allowed}:
            raise Bad(f"{text_of(r.stages)}: {r.statuses} {''.join(r.errs)}")

    def attempt(self, make):
        """The pipeline that make() gives, which may meet a fault; mostly again then,
        without one.  Was it done?"""
        stages = make()
        fault = self.fault(stages)
        r = self.run(stages, fault)
        self.look(r)
        if not is_done(r) and rng.random() < 0.7:
            r = self.run(make())
            self.look(r)
        return is_done(r)

    # --- what must be so

    def list(self, *options):
        """{namespace: keys}"""
        r = self.run([["seg-list", "-q", *options]
                      + [h.name for h in self.histories]], None, (1,))
        found = {h.name: set() for h in self.histories}
        for line in r.out.splitlines():
            if line:
                name = line.split("\t")[0]
                found[name.split("/")[0]].add(key_of(name))
        return found

    def look(self, result=None):
        """At the store, after a pipeline: what was told by an upload is there."""
        found = self.list()
        for h in self.histories:
            if not (result and is_recorded(result)):
                h.unrecorded(found[h.name])
            h.seen(found[h.name], lambda k, h=h: self.find(h, k))
        for line in self.told(result) if result else ():
            name, key = line.split("/")[0], key_of(line)
            if key not in found[name]:
                raise Bad(f"told and not there: {line}")

    @staticmethod
    def told(result):
        """The names of what it published, but for a line that was cut off."""
        if result.stages[-1][0] != "seg-upload" or "other" in result.stages[-1]:
            return []
        lines = [line.split("\t")[0] for line in result.out.split("\n")[:-1]]
        return [line for line in lines if line and line != "!"]

    def find(self, h, key):
        """What the store has up to there is this state."""
        self.run([["seg-list", h.name], ["seg-plan", "-f", str(key.end)],
                  ["seg-fetch", "-d", "found"],
                  ["seg-restore", "-F", "out/found.db"]])
        self.compared += 1
        return self.current("out/found.db")

    def learn(self, machine):
        """What cuts have left there."""
        for h in self.histories:
            at = f"{self.root}/{machine}/{h.name}"
            for name in os.listdir(at) if os.path.isdir(at) else ():
                if key_of(name) and ".segtmp" not in name:
                    h.learn(key_of(name))

    def current(self, path):
        """The name of the state that a file is."""
        with open(f"{self.root}/{path}", "rb") as f:
            return hashlib.sha256(f.read()).hexdigest()

    def compare(self, path, states):
        """A file is one of these states of a database."""
        got = self.current(path)
        if got not in states:
            raise Bad(f"{path}: another database ({got}) than {states}")
        self.compared += 1

    def exists(self, path):
        return os.path.exists(f"{self.root}/{path}")

    @staticmethod
    def scratch():
        """A directory to fetch into; that of a machine, too."""
        return rng.choice(["s0", "s1", "w0"])

    def one(self):
        """A history that the store has; None if there is none."""
        there = [h for h in self.histories if h.listing]
        return rng.choice(there) if there else None
