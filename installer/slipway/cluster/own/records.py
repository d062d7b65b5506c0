"""What was applied of modules and settings, kept in the cluster.

A record is one JSON document under one key, so it is written atomically. `kept` reads it back.
"""

from dataclasses import asdict
from typing import Any

from slipway.clock import utc_text
from slipway.cluster.own.kept import KEY, module_record, settings_record, unreadable
from slipway.cluster.rest.client import Client
from slipway.digests import canonical_json
from slipway.errors import PreflightError, StepError, TransientError
from slipway.model.record import RECORD_FORMAT, ModuleRecord, StepRecord, Unreadable
from slipway.settings import API_GROUP, MODULE_RECORD_PREFIX, NAMESPACE

#: Marks the ConfigMaps that are module records; its value is the module's name.
MODULE_LABEL = f"{API_GROUP}/module"

#: Name of the Secret that holds the record of the settings step.
SETTINGS_SECRET = "slipway-settings"  # noqa: S105 - a name

#: The time of a record, by the name under which the action plugin `slipway_module` asks for it.
now = utc_text

_API = ("v1", "ConfigMap")


def read_modules(client: Client) -> tuple[dict[str, ModuleRecord], dict[str, Unreadable]]:
    """All module records by name, and those that cannot be read."""
    records: dict[str, ModuleRecord] = {}
    failed: dict[str, Unreadable] = {}
    for item in client.list(*_API, NAMESPACE, labels=MODULE_LABEL):
        name = item["metadata"]["name"].removeprefix(MODULE_RECORD_PREFIX)
        try:
            records[name] = module_record(item)
        except PreflightError as error:
            failed[name] = unreadable(error)
    return records, failed


def read_module(client: Client, name: str) -> ModuleRecord | None:
    """One module's record."""
    found = client.get(*_API, MODULE_RECORD_PREFIX + name, NAMESPACE)
    return module_record(found) if found else None


def write_module(client: Client, record: ModuleRecord) -> None:
    """Create or replace a record as a whole."""
    name = MODULE_RECORD_PREFIX + record.name
    document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {MODULE_LABEL: record.name}},
        "data": {KEY: canonical_json(encode_module(record), escaped=True)},
    }
    client.apply(document, force=True)


def encode_module(record: ModuleRecord) -> dict[str, Any]:
    """A module's record as the cluster keeps it. What is not known of a release is not in it, as it always was."""
    written = {"format": RECORD_FORMAT, **asdict(record)}
    details: dict[str, Any] = written["extra"]
    for release in details["releases"].values():
        if not release["good"]["digest"]:
            release["good"] = {}
        for name in [name for name in ("digest", "revision", "bytes") if not release[name]]:
            del release[name]
    for name in [name for name in ("waited", "upgrade") if not details[name]]:
        del details[name]
    return written


def delete_module(client: Client, name: str) -> None:
    """Forget a module."""
    client.delete(*_API, MODULE_RECORD_PREFIX + name, NAMESPACE)


def encode_step(record: StepRecord) -> dict[str, Any]:
    """A step's record as the cluster keeps it; what the step made is left out, the host has it."""
    return {key: value for key, value in asdict(record).items() if key != "made"}


def read_settings_record(client: Client) -> StepRecord | None:
    """The record of the settings step; None for who may not read it, or when there is none."""
    try:
        found = client.get("v1", "Secret", SETTINGS_SECRET, NAMESPACE)
    except TransientError:
        raise
    except StepError:
        return None
    try:
        return settings_record(found) if found else None
    except PreflightError:  # the step that it is of may be taken again at any time, and writes it anew
        return None
