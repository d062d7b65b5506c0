"""The sections that `survey.sh` printed, as a Survey. Pure."""

import base64
import hashlib
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from slipway.model.survey import BlockDisk, Certificate, CloudInit, Link, Listener, NvidiaDriver, Survey

Sections = Mapping[str, Sequence[str]]

#: Three digits, then one or two numbers: no other version in those lines looks like it.
_DRIVER_VERSION: Final = re.compile(r"\b[1-9]\d\d(?:\.\d+){1,2}\b")
#: What YAML 1.1, by which cloud-init reads, takes for true.
_YES: Final = frozenset({"true", "yes", "on", "y"})
#: What a runtime reads in /etc/cni/net.d (containerd, go-cni).
_NETWORKS: Final = (".conf", ".conflist", ".json")
#: How /proc/mounts writes blanks, tabs, line ends and backslashes.
_OCTAL: Final = re.compile(r"\\([0-7]{3})")
_USERS: Final = re.compile(r'users:\(\("([^"]+)",pid=(\d+)')


def parse_survey(sections: Sections, *, skew: float = 0.0, skew_error: float = 0.0) -> Survey:
    """A host's state; what it did not say stays empty."""
    container = _first(sections, "container")
    return Survey(
        cgroup=int(_first(sections, "cgroup") or 0),
        container="" if container == "none" else container,
        filesystems=_words(sections, "filesystems"),
        loadable=_words(sections, "loadable"),
        swaps=_words(sections, "swaps"),
        clock=_words(sections, "clock"),
        skew=skew,
        skew_error=skew_error,
        nameservers=_words(sections, "nameservers"),
        selinux={"1": "enforcing", "0": "permissive"}.get(_first(sections, "selinux"), ""),
        services=_words(sections, "services"),
        listeners=_listeners(sections.get("listeners", ())),
        links=_links(sections),
        peer=_first(sections, "peer"),
        fsync=float(_first(sections, "fsync") or 0) / 1000,
        disks=tuple(_disks(sections.get("blocks", ()))),
        gpus=_words(sections, "gpus"),
        nouveau=bool(_words(sections, "nouveau")),
        nvswitches=_words(sections, "nvswitches"),
        driver=_driver(_words(sections, "driver")),
        cloud_init=_cloud_init(_words(sections, "cloud-init")),
        resolver_lost=_resolver_lost(_words(sections, "names")),
        immutable=_behind("immutable", _words(sections, "names")),
        tables=_behind("table", _words(sections, "tables")),
        cni=tuple(name for name in _words(sections, "cni") if name.endswith(_NETWORKS)),
        manifests=_words(sections, "manifests"),
        product=_first(sections, "product").lower(),
        host_keys=tuple(map(_fingerprint, _words(sections, "host-keys"))),
        certificates=tuple(parse_certificates(_words(sections, "certificates"))),
        mounted=_mounted(_words(sections, "mountpoints")),
    )


def _cloud_init(lines: Sequence[str]) -> CloudInit:
    """What `cloud_init` printed: `runs`, then `FILE:KEY: VALUE` in the order in which later ones win."""
    settings: dict[str, tuple[str, str]] = {}
    for line in lines:
        file, _, setting = line.partition(":")
        key, _, value = setting.partition(":")
        settings[key] = (file, value.partition(" #")[0].strip(" \t\"'").lower())
    file, hosts = settings.get("manage_etc_hosts", ("", ""))
    _, kept = settings.get("preserve_hostname", ("", ""))
    return CloudInit(
        hosts=file if hosts in {*_YES, "template"} else "", hostname=bool(lines) and kept not in _YES
    )


def _driver(lines: Sequence[str]) -> NvidiaDriver:
    """What `nvidia_driver` printed: KEY and the words in which each part tells its version."""
    told: dict[str, list[str]] = {}
    for line in lines:
        key, _, words = line.partition(" ")
        told.setdefault(key, []).append(words.strip())
    versions = {key: _DRIVER_VERSION.search(" ".join(words)) for key, words in told.items()}
    module, library, fabric = (
        found[0] if (found := versions.get(key)) else "" for key in ("module", "library", "fabric-manager")
    )
    return NvidiaDriver(module, library, fabric, tuple(told.get("model", ())))


def _words(sections: Sections, name: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in sections.get(name, ()) if line.strip())


def _first(sections: Sections, name: str) -> str:
    return next(iter(_words(sections, name)), "")


def _listeners(lines: Sequence[str]) -> tuple[Listener, ...]:
    """Lines of `ss -Hltnp`: state, queues, local address and port, peer, users. One per port."""
    found: dict[int, Listener] = {}
    for line in lines:
        words = line.split()
        port = words[3].rpartition(":")[2] if len(words) > 3 else ""  # noqa: PLR2004
        if not port.isdigit():
            continue
        users = _USERS.search(line)
        program = f"{users[1]} (pid {users[2]})" if users else ""
        found.setdefault(int(port), Listener(int(port), program))
    return tuple(found[port] for port in sorted(found))


def _links(sections: Sections) -> tuple[Link, ...]:
    """Interfaces with what `ip -o -4 addr show` says of their addresses."""
    addresses: dict[str, list[str]] = {}
    for line in sections.get("addresses", ()):
        words = line.split()
        if "inet" in words:
            addresses.setdefault(words[1], []).append(words[words.index("inet") + 1].partition("/")[0])
    found = []
    for line in sections.get("links", ()):
        name, mtu, mac = (*line.split(), "", "", "")[:3]
        if name != "lo" and mtu.isdigit():
            found.append(Link(name, mac, int(mtu), tuple(addresses.get(name, ()))))
    return tuple(found)


def _disks(lines: Sequence[str]) -> Iterator[BlockDisk]:
    """`disk ID`, then lsblk's pairs of the disk and all on it, then `signature DEVICE TYPE`."""
    group: list[str] = []
    for line in [*lines, "disk "]:
        if line.startswith("disk ") and group:
            yield _disk(group[0].removeprefix("disk "), group[1:])
            group = []
        group.append(line)


def _disk(identity: str, lines: Sequence[str]) -> BlockDisk:
    rows = [
        dict(pair.split("=", 1) for pair in shlex.split(line)) for line in lines if line.startswith("NAME=")
    ]
    if not rows:
        return BlockDisk(identity)
    whole, parts = rows[0], [row for row in rows[1:] if row["TYPE"] == "part"]
    mounted = (f"{row['NAME']} at {row['MOUNTPOINT']}" for row in (whole, *parts) if row["MOUNTPOINT"])
    held = (f"{row['NAME']} ({row['TYPE']})" for row in rows[1:] if row["TYPE"] != "part")
    return BlockDisk(
        identity,
        device=whole["NAME"],
        serial=whole["SERIAL"],
        size=int(whole["SIZE"]),
        signatures=tuple(
            line.removeprefix("signature ").strip() for line in lines if line.startswith("signature ")
        ),
        labels=tuple(row["PARTLABEL"] for row in parts),
        uses=(*mounted, *held),
    )


def _behind(key: str, lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(line.partition(" ")[2] for line in lines if line.partition(" ")[0] == key)


def _resolver_lost(lines: Sequence[str]) -> str:
    found = [line for line in lines if line.partition(" ")[0] == "dangling"]
    return (found[0].partition(" ")[2] or "missing") if found else ""


def _fingerprint(line: str) -> str:
    """A public key as ssh-keygen shows it."""
    digest = hashlib.sha256(base64.b64decode(line.partition(" ")[2])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def _mounted(lines: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The last of several mounts at one place is the one that is seen."""
    found = {}
    for line in lines:
        path, _, options = line.rpartition(" ")
        found[_OCTAL.sub(lambda octal: chr(int(octal[1], 8)), path)] = tuple(options.split(","))
    return found


def parse_certificates(lines: Sequence[str]) -> Iterator[Certificate]:
    """The first certificate of each file: `file PATH`, then its text. One that is damaged is left out."""
    path, text = "", []
    for line in [*lines, "file "]:
        if not line.startswith("file "):
            text.append(line)
            continue
        found = _certificate(path, "\n".join(text)) if text else None
        if found:
            yield found
        path, text = line.removeprefix("file "), []


def _certificate(path: str, text: str) -> Certificate | None:
    from cryptography.x509 import load_pem_x509_certificate

    try:
        return Certificate(path, load_pem_x509_certificate(text.encode()).not_valid_after_utc.timestamp())
    except ValueError:
        return None
