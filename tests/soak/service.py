"""A bucket, with tests/helper/faultproxy in front of it, in which each life has a
prefix of its own."""

import os
from urllib.parse import quote

from s3 import BUCKET, Proxy


class Service(Proxy):
    @staticmethod
    def prefix_of(root):
        return os.path.basename(root)

    def store_of(self, root):
        return f"s3://{BUCKET}/{self.prefix_of(root)}"

    def clear(self, root):
        """A life is over."""
        self.requests()
        while keys := self.list(self.prefix_of(root) + "/"):
            for key in keys:
                self.ask("DELETE", "/" + quote(key))
