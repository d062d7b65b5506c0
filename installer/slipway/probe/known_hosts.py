"""The known_hosts file: OpenSSH's format, since Ansible's OpenSSH reads the same file.

A host's first key is recorded and reported; afterwards only that key is accepted. Where keys are pinned, the
file holds these and no others: a host without one is refused.
"""

import base64
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from slipway.landing import PRIVATE, land


@dataclass(frozen=True, slots=True)
class HostKey:
    """One key of a host, as a line of known_hosts has it."""

    host: str
    kind: str
    key: str

    @property
    def fingerprint(self) -> str:
        """As OpenSSH shows it."""
        digest = hashlib.sha256(base64.b64decode(self.key)).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    @property
    def line(self) -> str:
        """As it stands in the file."""
        return f"{self.host} {self.kind} {self.key}"


def host_label(address: str, port: int) -> str:
    """A host's name in known_hosts."""
    return address if port == 22 else f"[{address}]:{port}"  # noqa: PLR2004 - SSH's own port


def parse(lines: Iterable[str]) -> list[HostKey]:
    """All keys of plain lines; comments, markers and hashed names are not ours and are skipped."""
    found = []
    for line in lines:
        words = line.split()
        if len(words) < 3 or words[0].startswith(("#", "@", "|")):  # noqa: PLR2004 - host, kind, key
            continue
        found += [HostKey(host, words[1], words[2]) for host in words[0].split(",")]
    return found


class KnownHosts:
    """The file, safe for threads and processes side by side."""

    def __init__(
        self, path: Path, *, on_first_contact: Callable[[HostKey], None] = lambda _key: None
    ) -> None:
        self.path = path
        self._on_first_contact = on_first_contact
        self._pinned = False

    def of(self, label: str) -> list[HostKey]:
        """Keys of a host; none: it was never met."""
        return [key for key in self._read() if key.host == label]

    def pin(self, lines: Iterable[str]) -> None:
        """Trust these keys and no others; no lines: hosts are met as they come."""
        pinned = list(dict.fromkeys(parse(lines)))
        self._pinned = bool(pinned)
        with self._locked():
            if pinned and pinned != self._read():
                self._write(pinned)

    def meet(self, key: HostKey) -> list[HostKey]:
        """Record the key of a host that was never met; returns what is then known of it.

        That is another key if somebody else met it a moment ago, and nothing if keys are pinned.
        """
        with self._locked():
            keys = self._read()
            known = [other for other in keys if other.host == key.host]
            if known or self._pinned:
                return known
            self._write([*keys, key])
        self._on_first_contact(key)
        return [key]

    def forget(self, labels: Iterable[str]) -> list[HostKey]:
        """Take out every key of these hosts: they are met as if for the first time; returns what went."""
        unwanted = set(labels)
        with self._locked():
            keys = self._read()
            gone = [key for key in keys if key.host in unwanted]
            if gone:
                self._write(key for key in keys if key.host not in unwanted)
        return gone

    def _read(self) -> list[HostKey]:
        try:
            return parse(self.path.read_text(encoding="utf-8", errors="replace").splitlines())
        except FileNotFoundError:
            return []

    def _write(self, keys: Iterable[HostKey]) -> None:
        land(self.path, "".join(f"{key.line}\n" for key in keys), mode=PRIVATE)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time; flock holds between processes and, as each opens anew, between threads."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path.parent / ".known_hosts.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
