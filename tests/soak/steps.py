"""Each step of a life: what somebody does with the commands, and what must come of
it."""

import os
import shutil
import subprocess

from commands import Bad, is_done
from databases import rng
from promise import linked, promised, reachable, state_at, superfluous
from randomdb import (columns, connect, contents, is_shadow, is_virtual, names,
                      quoted)
from world import Attempt

STRATEGIES = ["all", "log", "levels", "levels:2", "levels:4"]
AGES = ["0s", "1s", "90s", "5h", "3d", "2w"]
POLICIES = ["", "3h", "24h,7d", "5d,2w", "2h,2d,2w,2m,2y", "1y", "12m"]


# --- backups

def change(life):
    for h in life.histories:
        for _ in range(rng.choice([0, 1, 1, 2])):
            h.database.change()


def uploading(*options):
    argv = ["seg-upload", *options]
    if rng.random() < 0.3:
        argv.append(rng.choice(["-z", "-z1", "-z9"]))
    if rng.random() < 0.3:
        argv += ["-j", str(rng.choice([1, 2]))]
    return argv


def upload(life, *options):
    if len(life.machines) > 1:
        options += ("--busy-timeout", "200")
    return recorded(life, uploading(*options))


def recorded(life, argv):
    return argv + ["-k", "c.db"] * (life.exists("c.db") and rng.random() < 0.5)


def cut(machine, some, *options):
    argv = ["seg-cut", "-d", machine, *options]
    if rng.random() < 0.1 and "--every" not in options:
        argv.append("--full")
    for h in some:
        argv += [h.name, os.path.basename(h.database.path)]
    return argv


def tried(life, machines, some, run):
    """A run that cuts on machines: what it may have made is known after it."""
    states = [h.database.state() for h in some]
    begin = life.now()
    r = run()
    for h, state in zip(some, states):
        h.attempts.append(Attempt(begin, life.now() + 1, [(begin, state)]))
    for machine in machines:
        life.learn(machine)
    return r


def is_strange(life, machine):
    """Somebody may be ahead of it, and it may be told so."""
    return machine in life.strange or len(life.machines) > 1


def some_of(histories):
    return rng.sample(histories, rng.randrange(1, len(histories) + 1))


def backup(life):
    change(life)
    life.pass_time()
    machine, some = rng.choice(life.machines), some_of(life.histories)
    stages = [cut(machine, some), upload(life, *rng.choice([(), ("-m",)]))]
    if rng.random() < 0.2:
        del stages[1]  # later
    fault = life.fault(stages)
    r = tried(life, [machine], some, lambda: life.run(
        stages, fault, (1, 3) if is_strange(life, machine) else ()))
    life.look(r)
    if not is_done(r) and rng.random() < 0.7:
        repeat(life, machine, some)


def repeat(life, machine, some):
    """What failed is made good."""
    if len(life.machines) > 1:
        release(life)
    for force in (), ("-F",):
        refused = is_strange(life, machine) and not force
        r = tried(life, [machine], some, lambda force=force: life.run(
            [cut(machine, some, *force), upload(life, "-m")], None,
            (1,) if refused else ()))
        life.look(r)
        if is_done(r):
            break
    life.strange.discard(machine)
    for h in some:
        newest = max(k.end for k in h.listing)
        if h.state_of(newest) != h.database.state():
            raise Bad(f"{h.name}: backed up, and the store has not its state")


def release(life):
    """The claims of the dead are removed."""
    for h in life.histories:
        life.run([["seg-list", "-O", h.name], ["seg-rm"]])


# --- merges and removals

def merging(life, h, strategy, directory):
    fetch = ["seg-fetch", "-d", directory] + rng.choice([[], ["-l"]])
    merge = ["seg-merge"] + rng.choice([[], ["-d", "s1"]])
    return [["seg-list", h.name], ["seg-plan", "-c", *strategy], fetch, merge,
            upload(life, *rng.choice([(), ("-m",)]))]


def merge(life):
    h = life.one()
    strategy = [rng.choice(STRATEGIES)]
    if rng.random() < 0.2:
        strategy += ["-T", "3"]
    directory = life.scratch()
    life.attempt(lambda: merging(life, h, strategy, directory))


def prune(life):
    h = life.one()
    life.pass_time()
    age, keep = rng.choice(AGES), rng.choice(POLICIES)
    policy = ["-o", age] + (["--keep", keep] if keep else [])
    between = None
    if keep and rng.random() < 0.5:
        between = promised(h.listing, life.now(), age, keep)
        if not linked(h.listing, between):
            between = None
        if not life.attempt(lambda: merging(life, h, ["keep", *policy], "s0")):
            return
    removed(life, h, policy, age, keep, between)


def removing(life, h, policy):
    return plan(h, "-x", *policy) + [recorded(life, ["seg-rm"])]


def removed(life, h, policy, age, keep, between):
    """between: the states between which all was merged before; None: not all."""
    before = promised(h.listing, life.now(), age, keep)
    stages = removing(life, h, policy)
    r = life.run(stages, life.fault(stages))
    after = promised(h.listing, life.now(), age, keep)
    # What is young is so from the listing on: none can lack that both promise.
    h.must &= before & after
    life.look(r)
    if not is_done(r) or before != after:
        return
    more = superfluous(h.listing, before)
    if more:
        raise Bad(f"{h.name}: {policy} leaves {more}, promised are {before}")
    if between == before and len(h.listing) != len(before):
        raise Bad(f"{h.name}: {policy} leaves {h.listing} for {before}")


# --- restores

def plan(h, *options):
    return [["seg-list", h.name], ["seg-plan", *options]]


def moment(life, h):
    """Options of seg-plan, and the END that they mean; None: nothing can be had."""
    pick = rng.random()
    good = reachable(h.listing)
    if pick < 0.2:
        end, options = max(k.end for k in h.listing), []
    elif pick < 0.6:
        end = rng.choice(sorted({k.end for k in h.listing}))
        options = ["-f", str(end)]
    else:
        first, last = (f(k.time for k in h.listing) for f in (min, max))
        at = rng.randint(first - 5, last + 5)
        end, options = state_at(h.listing, at), ["-t", str(at)]
    return options, end if end in good else None


def restore(life):
    h = life.one()
    options, end = moment(life, h)
    out = f"out/{life.steps}.db"
    fetch = ["seg-fetch", "-d", life.scratch()] + rng.choice([[], ["-l"]])
    check = rng.choice([[], [], ["-I", "full"], ["-I", "quick"]])
    if rng.random() < 0.3:
        tail = [["seg-pack"], ["seg-unpack", "-d", "u"],
                ["seg-restore", *check, out]]
    else:
        tail = [["seg-restore", *check, out]]
    stages = plan(h, *options) + [fetch] + tail
    if end is None:
        r = life.run(stages, None, (1,))
        if is_done(r) or life.exists(out):
            raise Bad(f"{h.name}: {options}: there is no such state")
        return
    fault = life.fault(stages)
    r = life.run(stages, fault)
    if life.exists(out):
        life.compare(out, {h.state_of(end)})
        os.unlink(f"{life.root}/{out}")
    elif is_done(r):
        raise Bad(f"{out}: not there")


def replace(life):
    """A database is replaced, as one would after an accident."""
    h = life.one()
    options, end = moment(life, h)
    if end is None:
        return
    out = "out/live.db"
    old = {life.current(out)} if life.exists(out) else set()
    stages = plan(h, *options) + [["seg-fetch", "-d", life.scratch()],
                                  ["seg-restore", "-F", out]]
    r = life.run(stages, life.fault(stages))
    new = {h.state_of(end)}
    if life.exists(out):
        life.compare(out, new if is_done(r) else old | new)
    elif is_done(r) or old:
        raise Bad(f"{out}: not there")


def follow(life):
    """A copy that follows."""
    h = life.one()
    out = f"out/standby-{life.histories.index(h)}.db"
    old = {life.current(out)} if life.exists(out) else set()
    newest = h.state_of(max(k.end for k in h.listing))
    stages = plan(h, "-u", out) + [
        ["seg-fetch", "-d", life.scratch()] + rng.choice([[], ["-l"]]),
        ["seg-restore", "-u", out]]
    r = life.run(stages, life.fault(stages))
    if life.exists(out):
        life.compare(out, {newest} if is_done(r) else old | {newest})
    elif is_done(r) or old:
        raise Bad(f"{out}: not there")


# --- questions

def rows_of(db, table):
    return "SELECT %s FROM %s" % (", ".join(
        f"hex(quote({quoted(c)}))" for c, _ in columns(db, table, True)),
        quoted(table))


def query(life):
    """The rows of a state, where it lies in the store."""
    h = life.one()
    options, end = moment(life, h)
    if end is None:
        return
    db = connect(f"{life.root}/states/{h.state_of(end)}")
    tables = [t for t in names(db, "table")
              if not is_virtual(db, t) and not is_shadow(db, t)]
    sql = [rows_of(db, t) for t in rng.sample(tables, min(2, len(tables)))]
    wanted = "".join("\t".join(c.decode() for c in row) + "\n"
                     for s in sql for row in db.execute(s))
    db.close()
    ask = ["seg-query"] + rng.choice([[], ["--cache", "20000"], [
        "--cache-dir", "qc", "--cache-disk", rng.choice(["200000", "9999999"])]])
    stages = plan(h, *options) + [ask + ["; ".join(sql) or "SELECT 1 WHERE 0"]]
    r = life.run(stages, life.fault(stages))
    if is_done(r) and r.out != wanted or not wanted.startswith(r.out):
        raise Bad(f"{h.name}: {sql}: other rows")
    life.compared += is_done(r)


def diff(life):
    """From one state to another, and back."""
    h = life.one()
    first, second = moment(life, h), moment(life, h)
    if None in (first[1], second[1]):
        return
    with open(f"{life.root}/plans", "wb") as f:
        for options, _ in first, second:
            f.write(life.run(plan(h, *options)).out.encode())
    undo = rng.choice([[], ["--undo"]])
    a, b = [f"{life.root}/states/{h.state_of(end)}"
            for _, end in (first, second)]
    if undo:
        a, b = b, a
    stages = [["cat", "plans"], ["seg-diff", "-q", *undo]]
    r = life.run(stages, life.fault(stages))
    copy = f"{life.root}/out/diff.db"
    shutil.copyfile(a, copy)
    ran = subprocess.run(["sqlite3", "-bail", copy], input=r.out.encode(),
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         check=False)
    got = contents(copy)
    if is_done(r) and (ran.returncode or got != contents(b)):
        raise Bad(f"{h.name}: the difference does not lead there: {ran.stderr}")
    if not is_done(r) and got not in (contents(a), contents(b)):
        raise Bad(f"{h.name}: half a difference was done")
    life.compared += is_done(r)
    os.unlink(copy)


def verify(life):
    life.run([["seg-list"], ["seg-verify"] + rng.choice([[], ["--restore"]])])


# --- copies, catalogues

def copy(life):
    """To another store: all that there is of a history."""
    h = life.one()
    directory = life.scratch()
    move = ["-m"] if directory != "w0" and rng.random() < 0.5 else []
    shutil.rmtree(f"{life.root}/other", ignore_errors=True)
    stages = [["seg-list", h.name], ["seg-fetch", "-d", directory],
              uploading("-F", "--create", "-s", "other", *move)]
    r = life.run(stages, life.fault(stages))
    if not is_done(r):
        life.run(stages)
    if life.list("-s", "other")[h.name] != h.listing:
        raise Bad(f"{h.name}: the copy is another")
    life.run([["seg-list", "-s", "other"], ["seg-verify", "-s", "other",
                                            "--restore"]])


def catalogue(life):
    """There is one."""
    if life.exists("c.db"):
        return
    argv = ["seg-sync", "-k", "c.db"]
    for h in life.histories:
        argv += ["--add", h.name]
        h.known = False
    life.run([argv])


def sync(life):
    catalogue(life)
    full = rng.choice([[], ["--full"]])
    stages = [["seg-sync", "-k", "c.db", *full]]
    r = life.run(stages, life.fault(stages))
    known = life.list("-k", "c.db")
    for h in life.histories:
        if is_done(r) and (full or h.known == "new"):
            h.known = True
        if h.known is True and known[h.name] != h.listing:
            raise Bad(f"{h.name}: the catalogue has {known[h.name]}")


# --- accidents

def lose(life):
    """Something of a machine's."""
    machine = rng.choice(life.machines)
    pick = rng.random()
    if pick < 0.4:
        for h in life.histories:
            if life.exists(f"{machine}/{h.name}/cut.memory"):
                os.unlink(f"{life.root}/{machine}/{h.name}/cut.memory")
        life.strange.add(machine)
    elif pick < 0.6:
        shutil.rmtree(f"{life.root}/{machine}", ignore_errors=True)
        life.strange.add(machine)
        # What a killed run of it has claimed is another writer's now.
        release(life)
    else:
        for d in ("s0", "s1", "u", "qc"):
            shutil.rmtree(f"{life.root}/{d}", ignore_errors=True)
