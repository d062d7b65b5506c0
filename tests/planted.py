"""Secrets that a test knows, and the search for them in all that a site keeps, prints and shows.

They are looked for as they are, line by line, and in the forms in which programs pass them on: JSON, URLs, base64 at
any offset. What holds a Secret may hold it; its metadata may not.
"""

import base64
import contextlib
import gzip
import json
import os
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

#: A shorter line is no secret of its own.
SHORTEST = 12
#: How every key of OpenSSH begins, whoever it is for.
EVERY_KEY = base64.b64encode(b"openssh-key-v1\0").decode()[:-4]
HELM = "helm.sh/release.v1"

Text = tuple[str, bytes]
"""Where it is, and what it says."""


class Plants:
    """Secrets by name."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)
        self._forms = {form: name for name, value in values.items() for form in _forms(value)}

    def found_in(self, texts: Iterable[Text]) -> set[tuple[str, str]]:
        """(place, name of the secret) of all that is where it should not be."""
        return {(place, name) for place, text in texts for form, name in self._forms.items() if form in text}


def _forms(value: str) -> Iterator[bytes]:
    parts = [line.strip() for line in value.splitlines() if not line.startswith(("-----", EVERY_KEY))]
    parts += [part.partition(":")[2] for part in parts]  # the password of an account
    for part in {part for part in parts if len(part) >= SHORTEST}:
        yield part.encode()
        yield json.dumps(part)[1:-1].encode()
        yield quote(part, safe="").encode()
        for offset in range(3):  # whole groups of three bytes, wherever they begin in what is encoded
            whole = part.encode()[offset:]
            yield base64.b64encode(whole[: len(whole) // 3 * 3])
            yield base64.urlsafe_b64encode(whole[: len(whole) // 3 * 3])


class Listing:
    """Command lines of all processes of this machine, containers included, many times a second."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def texts(self) -> Iterator[Text]:
        """Each once."""
        for line in set(self.seen):
            yield f"a process: {line[:120]!r}", line

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(process.read_bytes().replace(b"\0", b" "))
                except OSError:  # it ended
                    continue


def file_texts(directory: Path, *, but: Collection[str] = ()) -> Iterator[Text]:
    """All files below; `but`: names of files and directories that may hold secrets."""
    for place, directories, names in os.walk(directory):  # passes over what goes meanwhile
        directories[:] = [name for name in directories if name not in but]
        for name in (name for name in names if name not in but):
            path = Path(place, name)
            with contextlib.suppress(FileNotFoundError):  # of somebody else, who is done with it
                if path.is_file():
                    yield str(path), path.read_bytes()


def memory_texts() -> Iterator[Text]:
    """What runs have in memory, or left there."""
    for directory in Path("/dev/shm").glob("slipway*"):
        yield from file_texts(directory)


def cluster_texts(kubectl: Callable[..., str], holders: Collection[str]) -> Iterator[Text]:
    """All objects, metadata and Events included; of Secrets, `NAMESPACE/NAME` in `holders`, the metadata alone."""
    for kind in kubectl("api-resources", "--verbs=list", "-o", "name").split():
        found = json.loads(kubectl("get", kind, "-A", "-o", "json", "--show-managed-fields"))
        for item in found["items"]:
            meta = item["metadata"]
            name = f"{meta.get('namespace', '')}/{meta['name']}"
            if kind == "secrets":
                data = item.pop("data", None) or {}
                yield from _data(name, item, {} if name in holders else data)
            yield f"{kind} {name}", json.dumps(item).encode()


def _data(name: str, item: Mapping[str, Any], data: Mapping[str, str]) -> Iterator[Text]:
    for key, value in data.items():
        decoded = base64.b64decode(value)
        if item.get("type") == HELM:
            decoded = gzip.decompress(base64.b64decode(decoded))
        yield f"secrets {name} {key}", decoded
