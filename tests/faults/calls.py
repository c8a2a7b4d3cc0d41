"""System calls that meet faults: counted by tests/preload/fs.c, then the run is
repeated for each."""

import os
import re

from place import Place

ERRORS = ("EIO", "ENOSPC", "EINTR", "EDQUOT")
# What is done again at once, but for syncs by SQLite.
ONCE_MORE = (r"^half|^EINTR of \d+: "
             r"(open|tmpfile|write|f\w*sync|ftruncate) .*(?<!\.db)(?<!-wal)"
             r"(?<!-journal)$")


class Calls:
    place = Place

    @staticmethod
    def points(case, place):
        case.set_up(place)
        log = f"{place.root}/log"
        case.run(place, FS_LOG=log)
        with open(log, encoding="utf-8") as f:
            calls = [line.replace(place.root, "").rstrip() for line in f]
        os.unlink(log)
        for n, call in enumerate(calls, 1):
            yield f"killed before {n}: {call}", ({"FS_KILL": str(n)},)
            yield f"killed after {n}: {call}", ({"FS_KILL": f"{n}+"},)
            for error in ERRORS:
                yield f"{error} of {n}: {call}", ({"FS_FAIL": f"any#{n}={error}"},)
            if call.startswith(("write ", "copy_file_range ")):
                yield f"half of {n}: {call}", ({"FS_FAIL": f"any#{n}=SHORT"},)

    @staticmethod
    def try_one(case, place, what, env):
        case.set_up(place)
        r = case.run(place, **env)
        tree = place.tree()
        told = case.told(r.out)
        bad = case.half(tree, told)
        if "FS_KILL" in env:
            bad += case.stands(tree, told)
        else:
            bad += case.answer(r, tree)
            if (r.status != 0 and not case.threads
                    and re.search(ONCE_MORE, what)):
                bad += [f"status {r.status}: {r.err}"]
        return bad + case.next(place)
