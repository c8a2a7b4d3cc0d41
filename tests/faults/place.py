"""Where a command runs: a directory of its own and a store, as a tree, which is
a dict from relative paths to contents."""

import os
import re
import shutil
import signal
import subprocess
import time
from collections import namedtuple

Result = namedtuple("Result", "status out err")

BUILD = os.environ["SEGTOOLS_BUILD"]
FS = f"{BUILD}/preload/fs.so"
SECONDS = 60  # in which a command ends, whatever happens


def is_temporary(path):
    """Of a run that goes on: gone after the next one."""
    return ".segtmp" in path or path.endswith("/upload.moving")


def read_tree(root):
    tree = {}
    for at, _, names in os.walk(root):
        for name in names:
            path = os.path.join(at, name)
            with open(path, "rb") as f:
                tree[os.path.relpath(path, root)] = f.read()
    return tree


def write_tree(root, tree):
    for path, contents in tree.items():
        path = os.path.join(root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(contents)


def trees_differ(got, wanted, what=""):
    """What of two trees is not the same, in lines."""
    return [
        f"{what}{path}: "
        + ("missing" if path not in got else
           "should not be there" if path not in wanted else "other content")
        for path in sorted(set(got) | set(wanted))
        if got.get(path) != wanted.get(path)
    ]


class Place:
    """A directory "d", where commands run, with "store" in it as the store."""

    def __init__(self, root):
        self.root = root
        self.dir = f"{root}/d"
        self.tmp = f"{root}/tmp"
        self.env = dict(os.environ, TMPDIR=self.tmp, SEG_STORE="store")

    def clear(self, tree):
        """Nothing but the tree."""
        shutil.rmtree(self.dir, ignore_errors=True)
        shutil.rmtree(self.tmp, ignore_errors=True)
        os.makedirs(self.tmp)
        os.makedirs(f"{self.dir}/store")
        write_tree(self.dir, tree)

    def tree(self):
        return read_tree(self.dir)

    def scratch(self):
        """What is left in TMPDIR."""
        return os.listdir(self.tmp)

    def run(self, argv, stdin=b"", once=False, out=None, **more):
        """once: SIGTERM after the first set.  out: a file to print to.  more: of
        the environment."""
        env = dict(self.env, **more)
        if any(name.startswith("FS_") for name in more):
            env["LD_PRELOAD"] = FS
            env["ASAN_OPTIONS"] = (env.get("ASAN_OPTIONS", "")
                                   + ":verify_asan_link_order=0")
        p = subprocess.Popen(argv, cwd=self.dir, env=env,
                             stdin=subprocess.PIPE,
                             stdout=out or subprocess.PIPE,
                             stderr=subprocess.PIPE)
        self.started(p)
        said = self.after_a_set(p, out) if once else b""
        try:
            told, err = p.communicate(stdin, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            p.kill()
            told, err = p.communicate()
            return Result("hangs", said + (told or b""), err.decode())
        return Result(p.returncode, said + (told or b""),
                      err.decode(errors="replace"))

    def started(self, p):
        pass

    @staticmethod
    def after_a_set(p, out):
        said = b""
        while not re.search(rb"(^|\n)!?\n$", said):
            ended = p.poll() is not None
            if out:
                with open(out.name, "rb") as f:
                    said = f.read()
                time.sleep(0.005)
            else:
                more = os.read(p.stdout.fileno(), 65536)
                ended = not more
                said += more
            if ended:
                break
        else:
            p.send_signal(signal.SIGTERM)
        return b"" if out else said
