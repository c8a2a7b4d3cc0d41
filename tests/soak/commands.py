"""Pipelines of commands, as users write them, one of which may be killed, or meet
system calls or requests that fail."""

import os
import re
import shlex
import signal
import subprocess
import tempfile
import threading
import time
from collections import namedtuple

BUILD = os.environ["SEGTOOLS_BUILD"]
SECONDS = 300  # in which a pipeline ends, whatever happens
KILLED, ENDED, UNREAD = -9, -15, -13

# Those whose clock may be moved: no others read it for what they promise.
READ_CLOCK = ("seg-cut", "seg-list", "seg-plan")
ASK_STORE = ("seg-cut", "seg-diff", "seg-fetch", "seg-list", "seg-query",
             "seg-rm", "seg-sync", "seg-upload", "seg-verify")

# What happens to the command that has this number in its pipeline: variables for
# tests/preload/fs.c, or it is killed after so many seconds; or rules for
# tests/helper/faultproxy.c, which all meet and of which it may be killed.
Fault = namedtuple("Fault", "what stage env seconds rules",
                   defaults=(0, {}, None, ()))

Result = namedtuple("Result", "stages statuses out errs fault")


class Bad(Exception):
    """What must not be."""


def is_done(result):
    return not any(result.statuses)


def is_recorded(result):
    """What it did in the store, its catalogue knows."""
    return is_done(result) and not result.fault and "-k" in result.stages[-1]


class Running:
    """A pipeline that has been started."""

    def __init__(self, stages, cwd, env_of, fault):
        self.stages, self.fault = stages, fault
        self.out = tempfile.TemporaryFile()
        # Pipes: where calls fail, those that write to a file do.
        self.errs = [b"" for _ in stages]
        pipes = [os.pipe() for _ in stages]
        self.said = [r for r, w in pipes]
        self.processes = []
        source = subprocess.DEVNULL
        for n, argv in enumerate(stages):
            last = n == len(stages) - 1
            p = subprocess.Popen(
                argv, cwd=cwd, env=env_of(argv[0], n), stdin=source,
                stdout=self.out if last else subprocess.PIPE,
                stderr=pipes[n][1])
            os.close(pipes[n][1])
            os.set_blocking(pipes[n][0], False)
            if n > 0:
                source.close()
            source = p.stdout
            self.processes.append(p)
        self.timer = None
        if fault and fault.seconds is not None:
            self.timer = threading.Timer(
                fault.seconds, os.kill,
                (self.processes[fault.stage].pid, signal.SIGKILL))
            self.timer.start()

    def finish(self):
        end = time.monotonic() + SECONDS
        while not all(has_ended(p) for p in self.processes):
            self.listen()
            time.sleep(0.001)
            if time.monotonic() > end:
                at = [where_is(p) for p in self.processes]
                for p in self.processes:
                    p.kill()
                raise Bad(f"hangs: {text_of(self.stages)}: {at}, "
                          f"{self.fault and self.fault.what}")
        if self.timer:
            self.timer.cancel()
            self.timer.join()
        self.listen()
        for fd in self.said:
            os.close(fd)
        return Result(self.stages, [p.wait() for p in self.processes],
                      contents_of(self.out).decode(),
                      [err.decode(errors="replace") for err in self.errs],
                      self.fault)

    def listen(self):
        """What they have said so far."""
        for n, fd in enumerate(self.said):
            try:
                while more := os.read(fd, 65536):
                    self.errs[n] += more
            except BlockingIOError:
                pass


def has_ended(process):
    """Its number is its own until all have: somebody may be about to kill it."""
    return os.waitid(os.P_PID, process.pid,
                     os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def where_is(process):
    """What it does: its state, CPU seconds, and system call; or None."""
    try:
        with open(f"/proc/{process.pid}/stat") as stat, \
                open(f"/proc/{process.pid}/syscall") as syscall:
            _, _, rest = stat.read().rpartition(") ")
            state, *numbers = rest.split()
            ticks = os.sysconf("SC_CLK_TCK")
            used = (int(numbers[10]) + int(numbers[11])) / ticks
            return f"{state} {used} s {syscall.read().split()[0]}"
    except OSError:
        return None


def contents_of(file):
    with file:
        file.seek(0)
        return file.read()


def text_of(stages):
    return " | ".join(shlex.join(argv) for argv in stages)


def wrong_of(result):
    """What no command may do, whatever happens to it."""
    fault = result.fault
    for n, (argv, status, err) in enumerate(
            zip(result.stages, result.statuses, result.errs)):
        died = status == KILLED and fault and fault.stage == n
        # It had failed when it was told to end: then that is its end.
        died |= status == ENDED and "--every" in argv and bool(err)
        # Whom it wrote to had failed; ours say so instead.
        died |= status == UNREAD and argv[0] == "cat"
        if status not in (0, 1, 2, 3) and not died:
            return f"{argv[0]}: status {status}"
        if status in (1, 2, 3) and not re.search(
                f"^{argv[0]}: \\S.*", err, re.M):
            return f"{argv[0]}: status {status}, and nothing said"
        if re.search("Sanitizer|runtime error:", err):
            return f"{argv[0]}: {err}"
    return None


class Commands:
    """Runs them in a directory; keeps count, and a log of what was done."""

    def __init__(self, root, env, proxy=None):
        self.root, self.proxy = root, proxy
        self.env = dict(os.environ, **env)
        self.clock = None  # a file, see tests/preload/clock.c
        self.log = []
        self.count = {"pipelines": 0, "kills": 0, "faults": 0}

    def env_of(self, name, fault):
        """Of the command, which meets it."""
        env = dict(self.env)
        preloads = []
        if self.clock and name in READ_CLOCK:
            preloads.append(f"{BUILD}/preload/clock.so")
            env["CLOCK_FILE"] = self.clock
        if fault and fault.env:
            preloads.append(f"{BUILD}/preload/fs.so")
            env.update(fault.env)
        if preloads:
            env["LD_PRELOAD"] = ":".join(preloads)
            env["ASAN_OPTIONS"] = (env.get("ASAN_OPTIONS", "")
                                   + ":verify_asan_link_order=0")
        return env

    def start(self, stages, fault=None):
        if fault and fault.rules:
            self.proxy.stopped()
            self.proxy.rules(*fault.rules)
            stages = [argv[:1] + ["--retry-for", "1"] + argv[1:]
                      if argv[0] in ASK_STORE else argv for argv in stages]
        running = Running(stages, self.root, lambda name, n: self.env_of(
            name, fault if fault and fault.stage == n else None), fault)
        if fault and fault.rules:
            self.proxy.started(running.processes[fault.stage])
        return running

    def finish(self, running):
        result = running.finish()
        fault, killed = result.fault, KILLED in result.statuses
        if fault and fault.rules:
            self.proxy.rules()
        self.count["pipelines"] += 1
        self.count["kills"] += killed
        self.count["faults"] += bool(fault) and not killed
        self.note(f"{text_of(result.stages)}\n"
                  + (f"    {fault.what} (of {fault.stage})\n" if fault else "")
                  + f"    {result.statuses} {''.join(result.errs)!r}")
        wrong = wrong_of(result)
        if wrong:
            raise Bad(wrong)
        return result

    def run(self, stages, fault=None):
        return self.finish(self.start(stages, fault))

    def note(self, text):
        self.log.append(text)
