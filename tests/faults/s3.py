"""Requests that meet faults: a bucket as the store, with tests/helper/faultproxy
in front of it."""

import ctypes
import html
import http.client
import os
import re
import signal
import subprocess
import time
from urllib.parse import quote, unquote_plus

from place import Place, read_tree, write_tree

PORT, BUCKET = os.environ.get("S3_PORT"), os.environ.get("S3_BUCKET")

# Of each request, by itself or from it on: what is done to it, and the statuses
# that may come of it (0: it was done all the same).  None: killed.
ONCE = {
    "lost before": ("reset-before", [0]),
    "lost after": ("reset-after", [0]),
    "refused (500)": ("500", [0]),
    "refused (503)": ("503", [0]),
    "refused (403)": ("403", [0, 2]),
    "slow": ("slow", [0]),
    "garbage": ("garbage", [0, 1, 3]),
    "killed before": ("kill-before", None),
    "killed after": ("kill-after", None),
}
SLOW = 100000  # bytes a second


class Proxy:
    """The fault proxy, as a process, and the bucket behind its back."""

    def __init__(self, root):
        self.rules_file = f"{root}/rules"
        self.log, self.pid = f"{root}/log", f"{root}/pid"
        self.rules()
        open(self.log, "wb").close()
        proxy = subprocess.Popen(
            ["faultproxy", PORT, self.rules_file, self.log],
            stdout=subprocess.PIPE, preexec_fn=die_with_parent)
        port = int(proxy.stdout.readline())
        self.url = f"http://127.0.0.1:{port}"
        self.http = http.client.HTTPConnection("127.0.0.1", int(PORT))

    def rules(self, *lines):
        """What the proxy does from now on."""
        with open(self.rules_file + ".new", "w", encoding="utf-8") as f:
            f.writelines(line + "\n" for line in lines)
        os.rename(self.rules_file + ".new", self.rules_file)

    def requests(self):
        """The kinds of those that there were since the last time."""
        with open(self.log, "r+", encoding="utf-8") as f:
            kinds = [line.split()[0] for line in f]
            f.truncate(0)
        return kinds

    def ask(self, verb, path, body=None):
        """The answer; None if there is no such object."""
        try:
            r, answer = self.asked(verb, path, body)
        except (http.client.HTTPException, ConnectionError):
            # The service closes what it takes for idle.
            self.http.close()
            r, answer = self.asked(verb, path, body)
        assert r.status < 300 or r.status == 404, (verb, path, answer)
        return answer if r.status < 300 else None

    def asked(self, verb, path, body):
        self.http.request(verb, f"/{BUCKET}{path}", body)
        r = self.http.getresponse()
        return r, r.read()

    def list(self, prefix):
        """Up to a thousand keys."""
        listing = self.ask(
            "GET", "?encoding-type=url&list-type=2&prefix=" + quote(prefix))
        return [unquote_plus(html.unescape(key)) for key in
                re.findall("<Key>(.*?)</Key>", listing.decode())]

    def stopped(self):
        with open(self.pid, "wb"):
            pass

    def started(self, p):
        with open(self.pid, "w", encoding="utf-8") as f:
            f.write(str(p.pid))


class Bucket(Place):
    """The store is a prefix of the bucket, another one each time."""

    def __init__(self, root):
        super().__init__(root)
        self.n = 0
        self.proxy = Proxy(root)
        self.env["AWS_ENDPOINT_URL_S3"] = self.proxy.url

    def started(self, p):
        self.proxy.started(p)

    def clear(self, tree):
        self.proxy.rules()
        self.prefix = f"{os.path.basename(self.root)}-{self.n}"
        self.n += 1
        self.env["SEG_STORE"] = f"s3://{BUCKET}/{self.prefix}"
        super().clear({p: b for p, b in tree.items()
                       if not p.startswith("store/")})
        for path, contents in tree.items():
            if path.startswith("store/"):
                self.proxy.ask("PUT", "/" + quote(self.prefix + path[5:]),
                               contents)

    def tree(self):
        """What a killed command has asked for may be done while we look."""
        while None in (tree := self.look()).values():
            pass
        return tree

    def look(self):
        return {**read_tree(self.dir),
                **{"store" + k[len(self.prefix):]: self.proxy.ask("GET", "/" + quote(k))
                   for k in self.proxy.list(self.prefix + "/")}}


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Requests:
    place = Bucket

    @staticmethod
    def points(case, place):
        case.set_up(place)
        place.proxy.requests()
        case.run(place)
        for n, kind in enumerate(place.proxy.requests()):
            for what, (fault, statuses) in ONCE.items():
                argument = {"slow": SLOW}.get(fault, "")
                yield (f"{what}: {n}, {kind}",
                       ([f"* {fault} {n}+1 {argument}"], statuses, []))
            for what, rules in (
                    ("before", [f"* reset-before {n}+-"]),
                    ("after", [f"* reset-after {n}+1",
                               f"* reset-before {n}+-"])):
                yield (f"cut off {what}: {n}, {kind}",
                       (rules, [0, 3], ["--retry-for", "1"]))

    @staticmethod
    def try_one(case, place, what, rules, statuses, options):
        case.set_up(place)
        if statuses is None:
            place.proxy.stopped()
            rules = [f"{rule} {place.proxy.pid}" for rule in rules]
        place.proxy.rules(*rules)
        r = place.run(case.argv[:1] + options + case.argv[1:], case.stdin)
        if statuses is None:
            time.sleep(0.05)  # what it has asked for may still be done
        place.proxy.rules()
        tree = place.tree()
        bad = case.half(tree, case.told(r.out))
        if statuses is not None:
            bad += case.answer(r, tree, statuses)
        return bad + case.next(place)
