"""Uploads one blob: small ones in one request, large ones so that a broken stream goes on at the byte that arrived."""

import re
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO
from urllib.parse import urlencode, urlsplit

from slipway.bundle.connection import Connection, RegistryError, RegistryUnavailable

#: Bytes: what is smaller is sent again as a whole. A request more per blob would cost more than it saves.
SMALL = 8 << 20
_BYTES = {"Content-Type": "application/octet-stream"}


@dataclass(slots=True)
class Upload:
    """An upload that the registry has begun, at the location that it named last."""

    connection: Connection
    repository: str
    digest: str
    location: str

    def small(self, data: bytes) -> None:
        """All in the request that ends it."""
        self.connection.call("PUT", self._end(), headers=_BYTES, body=data)

    def large(self, path: Path) -> None:
        """A stream, which goes on after a fault, then the request that ends it."""
        size = path.stat().st_size
        with path.open("rb") as file:
            patience, offset = self.connection.patience(), 0
            while offset < size:
                try:
                    offset = self._stream(file, offset, size)
                except RegistryUnavailable as failure:
                    arrived = offset
                    patience.wait(failure)
                    offset = self._arrived()
                    if offset > arrived:
                        patience.used = 0
        self.connection.call("PUT", self._end(), headers=_BYTES, body=b"")

    def _stream(self, file: IO[bytes], offset: int, size: int) -> int:
        file.seek(offset)
        headers = {
            **_BYTES,
            "Content-Length": str(size - offset),
            "Content-Range": f"{offset}-{size - 1}",
        }
        with self.connection.open("PATCH", self.location, headers=headers, body=file) as response:
            self.location = response.headers.get("Location", self.location)
        return size

    def _arrived(self) -> int:
        """How much of it the registry has; it also says where to go on. Begun anew where it has forgotten all."""
        try:
            with self.connection.open("GET", urlsplit(self.location).path) as response:
                range_ = response.headers.get("Range", "")
                location = response.headers.get("Location", "")
        except RegistryError as error:
            if error.code != "not-found":
                raise
            range_, location = "", ""
        found = re.fullmatch(r"(?:bytes=)?0-(\d+)", range_)
        if location and found and int(found[1]) > 0:
            self.location = location
            return int(found[1]) + 1
        self.location = begin(self.connection, self.repository) or self.location
        return 0

    def _end(self) -> str:
        separator = "&" if "?" in self.location else "?"
        return f"{self.location}{separator}{urlencode({'digest': self.digest})}"


def begin(connection: Connection, repository: str, *, digest: str = "", home: str = "") -> str | None:
    """Where to upload to; None: the registry took the blob `digest` over from its repository `home`."""
    query = f"?{urlencode({'mount': digest, 'from': home})}" if home else ""
    with connection.open("POST", f"/v2/{repository}/blobs/uploads/{query}", body=b"") as response:
        return (
            None if home and response.status == HTTPStatus.CREATED else response.headers.get("Location", "")
        )
