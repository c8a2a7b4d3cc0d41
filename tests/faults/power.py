"""The states that a crash of the machine may leave of a run, as ALICE and
CrashMonkey make them: what was not synced is there or not, whole or in part.

Of a run's operations those that a sync does not cover are pending: contents
until the file is synced, names until their directory is."""

import os
from collections import namedtuple

Op = namedtuple("Op", "op said file inode mtime at bytes path to")
Was = namedtuple("Was", "file inode mtime bytes")
State = namedtuple("State", "tree stamps said last")


def look(root):
    """What there is: files as path -> Was, and directories.  A file is known by
    a number of its own, since inodes are used again."""
    files, directories = {}, set()
    for at, dirs, names in os.walk(root):
        directories |= {os.path.relpath(f"{at}/{d}", root) for d in dirs}
        for name in names:
            st = os.stat(f"{at}/{name}")
            with open(f"{at}/{name}", "rb") as f:
                files[os.path.relpath(f"{at}/{name}", root)] = Was(
                    len(files), st.st_ino, st.st_mtime_ns, f.read())
    return files, directories


def read_trace(path, root, files):
    """The operations below root."""
    numbers = {was.inode: was.file for was in files.values()}
    made = len(numbers)
    ops = []
    with open(path, "rb") as f:
        while line := f.readline():
            head, name, to = line.decode().rstrip("\n").split("\t")
            op, said, inode, mtime, at, length = head.split()
            contents = f.read(int(length))
            name, to = (os.path.relpath(os.path.join(root, p), root)
                        if p else "" for p in (name, to))
            if name.startswith(".."):
                continue
            if op == "create":
                numbers[int(inode)] = made
                made += 1
            ops.append(Op(op, int(said), numbers.get(int(inode)), int(inode),
                          int(mtime), int(at), contents, name, to))
    return ops


def is_content(op):
    return op.op in ("write", "ftruncate")


def is_name(op):
    return op.op in ("create", "rename", "link", "unlink", "mkdir", "rmdir")


def covers(sync, op):
    if is_content(op):
        return sync.op == "fsync" and sync.file == op.file
    return (sync.op == "syncdir"
            and (os.path.dirname(op.to or op.path) or ".") == sync.path)


def pending(ops):
    """Which of these may be missing after a crash, by their positions."""
    return [i for i, op in enumerate(ops)
            if (is_content(op) or is_name(op))
            and not any(covers(s, op) for s in ops[i + 1:])]


class Disk:
    def __init__(self, files, directories):
        self.names = {p: was.file for p, was in files.items()}
        self.contents = {was.file: was.bytes for was in files.values()}
        self.directories = set(directories)

    def apply(self, op, how="whole"):
        if op.op == "create":
            self.names[op.path] = op.file
        elif op.op == "write":
            self.write(op, how)
        elif op.op == "ftruncate":
            old = self.contents.get(op.file, b"")[:op.at]
            self.contents[op.file] = old.ljust(op.at, b"\0")
        elif op.op in ("rename", "link"):
            if op.op == "rename":
                self.names.pop(op.path, None)
            self.names[op.to] = op.file
        elif op.op == "unlink":
            self.names.pop(op.path, None)
        elif op.op == "mkdir":
            self.directories.add(op.path)
        elif op.op == "rmdir":
            self.directories.discard(op.path)

    def write(self, op, how):
        """whole; half: the first half; zeros: of the size, not the bytes."""
        new = {"whole": op.bytes, "half": op.bytes[:len(op.bytes) // 2],
               "zeros": bytes(len(op.bytes))}[how]
        old = self.contents.get(op.file, b"").ljust(op.at, b"\0")
        self.contents[op.file] = (old[:op.at] + new
                                  + old[op.at + len(new):])

    def is_seen(self, path):
        parent = os.path.dirname(path)
        return not parent or (parent in self.directories
                              and self.is_seen(parent))

    def tree(self):
        return {p: self.contents.get(f, b"") for p, f in self.names.items()
                if self.is_seen(p)}


def choices(ops, open_ops):
    """What is done of the pending ones: position -> how; those not named are
    lost."""
    whole = dict.fromkeys(open_ops, "whole")
    contents = [i for i in open_ops if is_content(ops[i])]
    names = {i: "whole" for i in open_ops if is_name(ops[i])}
    yield {}
    yield whole
    yield names
    yield dict.fromkeys(contents, "whole")
    yield {**names, **dict.fromkeys(contents, "zeros")}
    for i in open_ops:
        yield {k: h for k, h in whole.items() if k != i}
        yield {i: "whole"}
        if ops[i].op == "write":
            yield {**whole, i: "half"}
            yield {**whole, i: "zeros"}


def states(ops, start, said, first=0):
    """Each state once, of a crash after the first so many operations or later.
    start: as look() has it; said: how much had been printed in the end."""
    seen = set()
    for n in range(first, len(ops) + 1):
        done, told = ops[:n], ops[n].said if n < len(ops) else said
        open_ops = pending(done)
        for how in choices(done, open_ops):
            disk = Disk(*start)
            for i, op in enumerate(done):
                if i not in open_ops or i in how:
                    disk.apply(op, how.get(i, "whole"))
            tree = disk.tree()
            key = (told, n == len(ops), frozenset(tree.items()))
            if key not in seen:
                seen.add(key)
                yield State(tree, stamps(disk, start, done), told,
                            n == len(ops))


def stamps(disk, start, ops):
    """path -> (inode, mtime), as the run knew them."""
    known = {was.file: (was.inode, was.mtime) for was in start[0].values()}
    known.update({op.file: (op.inode, op.mtime) for op in ops})
    return {p: known[f] for p, f in disk.names.items()}
