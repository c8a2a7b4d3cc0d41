"""When nothing is in the way any more, all that was promised is there, and nothing
is left of what was killed."""

import os

from commands import Bad
from segment import key_of
from steps import change, plan, repeat
from world import MINUTE

def settle(life):
    life.commands.note("--- the end")
    for machine in life.machines:
        change(life)
        repeat(life, machine, life.histories)
    for h in life.histories:
        for end in sorted(h.must):
            life.run(plan(h, "-f", str(end)) + [
                ["seg-fetch", "-d", "s0"], ["seg-restore", "-F", "out/end.db"]])
            life.compare("out/end.db", {h.state_of(end)})
        life.run(plan(h) + [["seg-fetch", "-d", "s1"], ["seg-pack"],
                            ["seg-unpack", "-d", "u"]])
    life.run([["seg-list"], ["seg-verify", "--restore"]])
    nothing_left(life)


def nothing_left(life):
    left = [os.path.relpath(f"{at}/{name}", life.root)
            for at, _, names in os.walk(life.root) for name in names
            if ".segtmp" in name]
    if left:
        raise Bad(f"left: {left}")
    if not life.proxy:
        only_what_is_listed(life)


def only_what_is_listed(life):
    """Two days later seg-rm removes what killed uploads and removals left."""
    life.commands.clock = f"{life.root}/clock"
    life.move_clock(2 * 24 * 60 * MINUTE)
    for h in life.histories:
        life.run([["seg-list", "-O", h.name], ["seg-rm"]])
        for kind in "segments", "indexes":
            at = (f"{life.root}/store/v2/clusters/{life.cluster}/namespaces/"
                  f"{h.name}/{kind}")
            keys = {key_of(name) for name in os.listdir(at)}
            if keys != h.listing:
                raise Bad(f"{h.name}: {kind} of {keys ^ h.listing}")
