"""Host keys in OpenSSH's form: a key, its line, and the two sets of a site, that of its hosts and its bastion's."""

import base64
import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass


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

    @property
    def shown(self) -> str:
        """As a person compares it."""
        return f"{self.kind} {self.fingerprint}"


Keys = tuple[HostKey, ...]


@dataclass(frozen=True, slots=True)
class HostKeys:
    """What a site believes: of its hosts, and apart from them of its bastion."""

    hosts: Keys = ()
    bastion: Keys = ()


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


def text_of(keys: Iterable[HostKey]) -> str:
    """As a file, a key a line."""
    return "".join(f"{key.line}\n" for key in keys)


def laid_over(upper: Iterable[HostKey], lower: Iterable[HostKey]) -> Keys:
    """Both sets; of a host that is in both, what the upper one says."""
    upper = tuple(dict.fromkeys(upper))
    return (*without(lower, {key.host for key in upper}), *upper)


def without(keys: Iterable[HostKey], hosts: Collection[str]) -> Keys:
    """The keys of all other hosts."""
    return tuple(key for key in keys if key.host not in hosts)
