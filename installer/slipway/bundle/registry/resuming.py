"""A file over a connection: checked while it arrives, and after an interruption continued at the byte that is here.

The beginning of a file lies beside its place as `.NAME.part`; a process that was killed leaves it for the next one.
"""

import hashlib
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Self

from slipway.bundle.registry.answers import pieces
from slipway.bundle.registry.connection import Connection
from slipway.bundle.registry.refusals import RegistryError, RegistryUnavailable
from slipway.model.codes import RefusalCode

if TYPE_CHECKING:
    import urllib3


def download(
    connection: Connection,
    url: str,
    target: Path,
    digest: str,
    arrived: Callable[[int], None] = lambda _: None,
    *,
    by_name: bool = False,
    size: int | None = None,
) -> str:
    """The digest of what came. The file appears only when that is `digest`; anything else is deleted.

    `by_name`: the URL does not say which contents it has. A server is then asked for the rest of the very file that
    was begun (If-Range), and sends all of it where it has another one now. `arrived` gets numbers of bytes as they
    come, and a negative one where so many have to come again. `size`: bytes of the file, where that is known.

    Raises:
        RegistryError: the server refuses, or breaks off again and again without a byte of progress.
    """
    with _Draft(target, by_name=by_name) as draft:
        patience = connection.patience()
        while True:
            before = draft.size
            try:
                _rest(connection, url, draft, arrived, size)
                break
            except RegistryUnavailable as failure:
                if draft.size > before:
                    patience.used = 0
                patience.wait(failure)
        found = draft.digest
    if found == digest:
        draft.path.rename(target)
    else:
        draft.path.unlink()
    draft.version_path.unlink(missing_ok=True)
    return found


def bytes_begun(target: Path) -> int:
    """Bytes of a file that are here from an earlier try."""
    path = _draft(target)
    return path.stat().st_size if path.is_file() else 0


class _Draft:
    """The beginning of a file, and the sha256 of it."""

    def __init__(self, target: Path, *, by_name: bool) -> None:
        self.path, self._by_name = _draft(target), by_name
        self.version_path = self.path.with_name(f"{self.path.name}.version")
        self._file = self.path.open("a+b")
        self._file.seek(0)
        self._hash = hashlib.file_digest(self._file, "sha256")
        self.size = self._file.tell()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"

    @property
    def headers(self) -> dict[str, str]:
        """What asks for the rest. Without encoding: a digest is of the file, packed as it is."""
        asked = {"Accept-Encoding": "identity"}
        if self.size:
            asked["Range"] = f"bytes={self.size}-"
            version = self.version_path.read_text(encoding="utf-8") if self.version_path.is_file() else ""
            asked |= {"If-Range": version} if version else {}
        return asked

    def begin(self, response: "urllib3.BaseHTTPResponse") -> int:
        """Anew, where it is not the rest that comes; bytes that are lost by that."""
        rest = response.headers.get("Content-Range", "").startswith(f"bytes {self.size}-")
        if response.status == HTTPStatus.PARTIAL_CONTENT and (rest or not self.size):
            return 0
        lost = self.size
        self._file.truncate(0)
        self._hash, self.size = hashlib.sha256(), 0
        if self._by_name:
            self.version_path.write_text(_version(response), encoding="utf-8")
        return lost

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)
        self.size += len(data)


def _rest(
    connection: Connection, url: str, draft: _Draft, arrived: Callable[[int], None], size: int | None
) -> None:
    asked = draft.headers
    try:
        with connection.open("GET", url, headers=asked) as response:
            if lost := draft.begin(response):
                arrived(-lost)
            # As it comes: of a piece that is waited for, what has arrived is lost where the rest does not come.
            for data in pieces(response, decoded=False):
                draft.write(data)
                arrived(len(data))
                if size is not None and draft.size > size:
                    break  # it is another file, as its digest tells
    except RegistryError as error:
        # Nothing is behind the end of a draft that is whole; if it is longer, its digest tells.
        if not ("Range" in asked and error.code is RefusalCode.RANGE):
            raise


def _version(response: "urllib3.BaseHTTPResponse") -> str:
    """What names these very contents of a URL: a strong ETag, else the date of the last change."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified", "")


def _draft(target: Path) -> Path:
    return target.with_name(f".{target.name}.part")
