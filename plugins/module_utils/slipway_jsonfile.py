"""Some keys of a JSON file that are ours, beside those of others. Used by slipway_json and slipway_reset.

`runtimes.nvidia` is the key `nvidia` of the map `runtimes`, in which others may have keys too.
"""

from __future__ import annotations

import copy
import json
import os
from typing import Any

from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_host import STATE_DIR, read_json, read_text, write_json
from ansible.module_utils.slipway_paths import unlink, write_atomic


class Shared:
    """A file, and the keys in it that were set under one purpose."""

    def __init__(self, path: str, purpose: str) -> None:
        self.path = path
        self.memory = f"{STATE_DIR}/json-{purpose}-{os.path.basename(path)}"
        self.ours: list[str] = read_json(self.memory).get("keys", [])

    def load(self) -> dict[str, Any]:
        """What the file holds now. One that is no JSON is not replaced: somebody's settings are in it."""
        text = read_text(self.path)
        try:
            found = json.loads(text) if text and text.strip() else {}
        except ValueError as error:
            raise HostError(
                f"{self.path} is not JSON, so no key can be set in it; mend or remove it", why=str(error)
            ) from error
        if not isinstance(found, dict):
            raise HostError(f"{self.path} is JSON, but no map; mend or remove it")
        return found

    def merged(self, before: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
        """The file as wanted: others' keys, in their order, and ours."""
        after = copy.deepcopy(before)
        for key in self.ours:
            if key not in values:
                _take(after, key)
        for key, value in values.items():
            _put(after, key, value)
        return after

    def write(self, after: dict[str, Any], values: dict[str, Any], mode: int) -> None:
        """Keys are remembered first, so that a killed run knows what may be its own; an empty file goes."""
        wanted = sorted(values)
        write_json(self.memory, {"format": 1, "keys": sorted({*self.ours, *wanted})})
        if after:
            write_atomic(self.path, dump(after), mode=mode)
        elif os.path.lexists(self.path):
            unlink(self.path)
        if wanted:
            write_json(self.memory, {"format": 1, "keys": wanted})
        else:
            unlink(self.memory)

    def release(self) -> None:
        """Take our keys back; one that is no JSON by now is left as it is."""
        if not self.ours:
            return
        try:
            after = self.merged(self.load(), {})
        except HostError:
            unlink(self.memory)
            return
        self.write(after, {}, 0o644)


def _put(document: dict[str, Any], key: str, value: object) -> None:
    outer, _, inner = key.partition(".")
    if not inner:
        document[outer] = value
        return
    held = document.setdefault(outer, {})
    if not isinstance(held, dict):
        raise HostError(f"{outer} is no map, so {inner} cannot be set in it")
    held[inner] = value


def _take(document: dict[str, Any], key: str) -> None:
    """Without what is then empty."""
    outer, _, inner = key.partition(".")
    held = document.get(outer)
    if inner and isinstance(held, dict):
        held.pop(inner, None)
    if not inner or held == {}:
        document.pop(outer, None)


def dump(value: dict[str, Any]) -> str:
    """As text."""
    return json.dumps(value, indent=2) + "\n"
