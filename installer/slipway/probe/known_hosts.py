"""The known_hosts file: OpenSSH's format, since Ansible's OpenSSH reads the same file.

A host's first key is recorded where somebody is there to whom it is shown; afterwards only that key is accepted.
Without anybody, or where keys are pinned, a host of which no key is known is refused.
"""

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from slipway.landing import PRIVATE, land
from slipway.model.hostkeys import HostKey, laid_over, parse, text_of, without


class KnownHosts:
    """The file, safe for threads and processes side by side. `on_first_contact` shows a key; None: to nobody."""

    def __init__(self, path: Path, *, on_first_contact: Callable[[HostKey], None] | None = None) -> None:
        self.path = path
        self.pinned = False
        """Whether the ClusterConfiguration says which keys are believed."""
        self._on_first_contact = on_first_contact

    def of(self, label: str) -> list[HostKey]:
        """Keys of a host; none: it was never met."""
        return [key for key in self._read() if key.host == label]

    def pin(self, lines: Iterable[str]) -> None:
        """Trust these keys and no others; no lines: hosts are met as they come."""
        pinned = list(dict.fromkeys(parse(lines)))
        self.pinned = bool(pinned)
        with self._locked():
            if pinned and pinned != self._read():
                self._write(pinned)

    def believe(self, keys: Iterable[HostKey], *, alone: bool = False) -> None:
        """Take these for right, whatever was known of their hosts; `alone`: and nothing else."""
        with self._locked():
            before = self._read()
            after = laid_over(keys, () if alone else before)
            if set(after) != set(before):
                self._write(after)

    def meet(self, key: HostKey) -> list[HostKey]:
        """Record the key of a host that was never met; returns what is then known of it.

        That is another key if somebody else met it a moment ago, and nothing where it cannot be believed.
        """
        with self._locked():
            keys = self._read()
            known = [other for other in keys if other.host == key.host]
            if known or self.pinned or self._on_first_contact is None:
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
                self._write(without(keys, unwanted))
        return gone

    def all(self) -> list[HostKey]:
        """Every key that is known."""
        return self._read()

    def _read(self) -> list[HostKey]:
        try:
            return parse(self.path.read_text(encoding="utf-8", errors="replace").splitlines())
        except FileNotFoundError:
            return []

    def _write(self, keys: Iterable[HostKey]) -> None:
        land(self.path, text_of(keys), mode=PRIVATE)

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
