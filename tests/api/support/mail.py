"""Reads the mails that the server wrote as files."""

import email
import email.policy
import pathlib
import re
import time


def mails_to(folder: pathlib.Path, address: str):
    """All mails to `address`, oldest first."""
    found = []
    for path in sorted(folder.glob("*.eml")):
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        if address.lower() in str(message["To"]).lower():
            found.append(message)
    return found


class Mailbox:
    """Mails by address; every file is parsed once, so that a run with thousands of mails stays quick."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.seen = set()
        self.by_address = {}

    def look(self):
        if not self.folder.exists():
            return
        for path in sorted(set(self.folder.glob("*.eml")) - self.seen):
            message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            for address in message["To"].addresses:
                self.by_address.setdefault(address.addr_spec.lower(), []).append(message)
            self.seen.add(path)

    def of(self, address: str, count: int = 1, within: float = 10.0):
        """The mails to `address`, when there are at least `count`."""
        end = time.monotonic() + within
        while True:
            if len(self.by_address.get(address.lower(), [])) >= count:
                return self.by_address[address.lower()]
            if time.monotonic() > end:
                raise AssertionError(
                    f"{count} mail(s) to {address} expected, {len(self.by_address.get(address.lower(), []))} came"
                )
            self.look()
            time.sleep(0.005)

    def all(self, address: str):
        """The mails to `address` that have come so far."""
        self.look()
        return self.by_address.get(address.lower(), [])

    def code(self, address: str, count: int = 1) -> str:
        """The one-time code in the newest mail to `address`."""
        text = self.of(address, count)[-1].get_content()
        found = re.search(r"^\s*Code:\s*(\S+)\s*$", text, re.MULTILINE)
        assert found, f"no code in the mail:\n{text}"
        return found[1]
