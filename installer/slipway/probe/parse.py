"""What `read.sh` printed, as HostObserved: pure, tested against a folder of examples."""

import json
import shlex
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from slipway.model.observed import Drift, HostFacts, HostObserved
from slipway.model.record import LOCK_FORMAT, RECORD_FORMAT, Intent, Lock, StepRecord
from slipway.probe.survey import parse_survey


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
            records=records,
            drift=find_drift(name, records, sections.get("drift", [])),
            intents=tuple(_intent(value) for role, value in sorted(pending.items()) if role != "format"),
            lock=_lock(lock, sections, facts) if lock else None,
            kubernetes=_kubernetes(sections),
            old_data_roots=tuple(sorted(map(str, runtime.get("old", {})))),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise ReadError(f"/var/lib/slipway is damaged: {exc!r}") from exc


def find_drift(name: str, records: Mapping[str, StepRecord], lines: Iterable[str]) -> tuple[Drift, ...]:
    """What `drift.sh` found to be other than these records say, by step and name."""
    found: dict[tuple[str, str], tuple[str, list[str]]] = {}
    diff: list[str] = []
    for line in lines:
        if line.startswith("|"):
            diff.append(line[1:])
            continue
        kind, state, what = line.split(" ", 2)
        diff = []
        found[kind, what] = (state, diff)
    return tuple(
        Drift(f"host/{name}/{role}", what if kind == "file" else f"{kind} {what}", state, "\n".join(changes))
        for role, record in sorted(records.items())
        for (kind, what), (state, changes) in sorted(found.items())
        if what in _owned(record)[kind]
    )


def _owned(record: StepRecord) -> dict[str, Collection[str]]:
    units = record.units
    return {"file": record.files, "unit": units, "rules": units, "package": record.packages}


def _sections(text: str) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
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
    except ValueError as exc:
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
        files=dict(value.get("files", {})),
        units=dict(value.get("units", {})),
        packages=dict(value.get("packages", {})),
    )


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
