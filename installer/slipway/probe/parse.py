"""What `read.sh` printed, as HostObserved: pure, tested against a folder of examples."""

import json
import shlex
from collections.abc import Iterator
from typing import Any

from slipway.model.observed import HostFacts, HostObserved
from slipway.model.record import LOCK_FORMAT, RECORD_FORMAT, Intent, Lock, Made, MadeKind, StepRecord
from slipway.planning.drift import host_drift
from slipway.probe.survey import parse_survey
from slipway.probe.things import parse_things


class ReadError(ValueError):
    """The host's answer, or its state, is not what this release understands."""


def parse_host(name: str, text: str, *, asked: float = 0.0, answered: float = 0.0) -> HostObserved:
    """A host as it described itself; ReadError when its state is damaged or of a newer release.

    `asked` and `answered` are this machine's clock around the reading: the host's is compared with their middle.
    """
    sections = _sections(text)
    if sections.get("end") != ["complete"]:
        raise ReadError("its answer is incomplete")
    record = _state("record.json", sections)
    pending = _state("pending.json", sections)
    lock = _state("lock.json", sections, LOCK_FORMAT)
    runtime = _state("runtime.json", sections)
    try:
        facts = _facts(sections)
        records = {role: _record(value) for role, value in record.get("steps", {}).items()}
        skew = facts.time - (asked + answered) / 2 if asked else 0.0
        return HostObserved(
            name=name,
            facts=facts,
            survey=parse_survey(sections, skew=skew, skew_error=(answered - asked) / 2),
            cluster=str(record.get("site", "")),
            recorded=str(record.get("host", "")),
            records=records,
            drift=host_drift(name, records, parse_things(sections["drift"])) if "drift" in sections else (),
            intents=tuple(_intent(value) for role, value in sorted(pending.items()) if role != "format"),
            lock=_lock(lock, sections, facts) if lock else None,
            kubernetes=_kubernetes(sections),
            old_data_roots=tuple(sorted(map(str, runtime.get("old", {})))),
        )
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as exc:
        raise ReadError(f"/var/lib/slipway is damaged: {exc!r}") from exc


def _sections(text: str) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.split("\n"):
        if line.startswith(" "):
            lines.append(line[1:])
        elif line.endswith(":"):
            lines = sections.setdefault(line[:-1], [])
    return sections


def _first(sections: dict[str, list[str]], name: str) -> str:
    return (sections.get(name) or [""])[0].strip()


def _facts(sections: dict[str, list[str]]) -> HostFacts:
    release = _release(sections.get("os", []))
    memory = _first(sections, "memory").split()
    return HostFacts(
        os_id=release.get("ID", ""),
        os_version=release.get("VERSION_ID", ""),
        os_codename=release.get("VERSION_CODENAME", ""),
        architecture=_first(sections, "architecture"),
        kernel=_first(sections, "kernel"),
        hostname=_first(sections, "hostname"),
        machine=_first(sections, "machine"),
        cpus=int(_first(sections, "cpus") or 0),
        memory=int(memory[1]) // 1024 if len(memory) > 1 else 0,
        python=_first(sections, "python").removeprefix("Python "),
        interpreter=_first(sections, "interpreter"),
        disk_free=_disks(sections.get("disks", [])),
        addresses=tuple(_addresses(sections.get("addresses", []))),
        routes=tuple(line.strip() for line in sections.get("routes", [])),
        time=float(_first(sections, "time") or 0),
    )


def _release(lines: list[str]) -> dict[str, str]:
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {key: "".join(shlex.split(value)[:1]) for key, _, value in pairs}


def _disks(lines: list[str]) -> dict[str, int]:
    pairs = (line.rpartition(" ") for line in lines)
    return {path: int(free) for path, _, free in pairs if free.isdigit()}


def _addresses(lines: list[str]) -> list[str]:
    """Addresses of `ip -o -4 addr show`, but for loopback."""
    words = (line.split() for line in lines)
    found = (word[word.index("inet") + 1].partition("/")[0] for word in words if "inet" in word)
    return [address for address in found if not address.startswith("127.")]


def _kubernetes(sections: dict[str, list[str]]) -> str:
    return _first(sections, "kubelet").removeprefix("server:").strip().strip("\"'")


def _state(file: str, sections: dict[str, list[str]], newest: int = RECORD_FORMAT) -> dict[str, Any]:
    """One of the state files; empty when there is none."""
    text = "\n".join(sections.get(file.partition(".")[0], [])).strip()
    if not text:
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise ReadError(f"/var/lib/slipway/{file} is damaged: {exc}") from exc
    if not isinstance(value, dict) or not isinstance(value.get("format"), int):
        raise ReadError(f"/var/lib/slipway/{file} is damaged: it has no format")
    if value["format"] > newest:
        raise ReadError(f"/var/lib/slipway/{file} has format {value['format']}, written by a newer Slipway")
    return value


def _record(value: dict[str, Any]) -> StepRecord:
    return StepRecord(
        digest=str(value["digest"]),
        parts=dict(value.get("parts", {})),
        catalog=str(value.get("catalog", "")),
        version=str(value.get("version", "")),
        time=str(value.get("time", "")),
        made=tuple(_made(value)),
    )


def _made(record: dict[str, Any]) -> Iterator[Made]:
    """What a step made. Releases before had maps instead: sha256 of files, states of units, versions of packages."""
    for one in record.get("made", ()):
        own = {
            name: str(one.get(name, "")) for name in ("mode", "owner", "group", "target", "digest", "state")
        }
        yield Made(MadeKind(one["kind"]), str(one["name"]), **own, keys=dict(one.get("keys", {})))
    for path, digest in record.get("files", {}).items():
        yield Made(MadeKind.FILE, path, digest=str(digest).removeprefix("sha256:"))
    for unit, state in record.get("units", {}).items():
        yield Made(MadeKind.UNIT, unit, state=str(state))
        if unit == "slipway-firewall.service":
            yield Made(MadeKind.RULES, unit)
    for package, version in record.get("packages", {}).items():
        yield Made(MadeKind.PACKAGE, package, state=str(version))


def _intent(value: dict[str, Any]) -> Intent:
    return Intent(
        operation=str(value["operation"]),
        step=str(value["step"]),
        digest=str(value["digest"]),
        epoch=int(value.get("epoch", 0)),
        holder=str(value.get("holder", "")),
        time=str(value.get("time", "")),
        parts=dict(value.get("parts") or {}),
    )


def _lock(value: dict[str, Any], sections: dict[str, list[str]], facts: HostFacts) -> Lock:
    """A lock that nobody has renewed since the host started counts as free here; `locks` gives it another life."""
    if value["format"] == 1:
        left = float(value["expires"]) - facts.time
    else:
        boot, uptime = _first(sections, "boot"), _first(sections, "uptime").partition(" ")[0]
        left = float(value["until"]) - float(uptime) if boot == value["boot"] else 0.0
    return Lock(holder=str(value["holder"]), epoch=int(value["epoch"]), left=max(left, 0.0))
