"""Uploads one blob: small ones in one request, large ones so that a broken stream goes on at the byte that arrived."""

import re
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO
from urllib.parse import urlencode, urlsplit

from slipway.bundle.registry.connection import Connection
from slipway.bundle.registry.refusals import RegistryError, RegistryUnavailable
from slipway.model.codes import RefusalCode

#: Bytes: what is smaller is sent again as a whole. A request more per blob would cost more than it saves.
SMALL = 8 << 20
#: Bytes that are sent at first after a fault. A registry that refuses so few reads them all the same (Go's server up to
#: 256 KiB), so that its answer is not lost in a connection that breaks.
CAREFUL = 128 << 10
_BYTES = {"Content-Type": "application/octet-stream"}


@dataclass(slots=True)
class Upload:
    """An upload that the registry has begun, at the location that it named last."""

    connection: Connection
    repository: str
    digest: str
    location: str

    def small(self, data: bytes) -> None:
        """All in the request that ends it; begun anew where that fails."""
        patience = self.connection.patience()
        while True:
            try:
                self._end(data)
            except RegistryUnavailable as failure:
                patience.wait(failure)
                self._begin_anew()
            else:
                return

    def large(self, path: Path) -> None:
        """A stream, which goes on after a fault, then the request that ends it."""
        size = path.stat().st_size
        with path.open("rb") as file:
            patience, offset, step = self.connection.patience(), 0, size
            while offset < size:
                before = offset
                try:
                    offset = self._stream(file, offset, min(size, offset + step))
                    step = size
                except RegistryError as failure:
                    patience.wait(_passing(failure))
                    offset, step = self._arrived(), CAREFUL
                if offset > before:
                    patience.used = 0
        self._end(b"")

    def _stream(self, file: IO[bytes], offset: int, end: int) -> int:
        file.seek(offset)
        headers = {
            **_BYTES,
            "Content-Length": str(end - offset),
            "Content-Range": f"{offset}-{end - 1}",
        }
        body = file if end - offset > CAREFUL else file.read(end - offset)
        with self.connection.open(
            "PATCH", self.location, headers=headers, body=body, again=False
        ) as response:
            self.location = response.headers.get("Location", self.location)
        return end

    def _arrived(self) -> int:
        """How much of it the registry has; it also says where to go on. Begun anew where it has forgotten all."""
        try:
            with self.connection.open("GET", urlsplit(self.location).path) as response:
                range_ = response.headers.get("Range", "")
                location = response.headers.get("Location", "")
        except RegistryError as error:
            if error.code is not RefusalCode.NOT_FOUND:
                raise
            range_, location = "", ""
        found = re.fullmatch(r"(?:bytes=)?0-(\d+)", range_)
        if location and found and int(found[1]) > 0:
            self.location = location
            return int(found[1]) + 1
        self._begin_anew()
        return 0

    def _begin_anew(self) -> None:
        self.location = upload_location(self.connection, self.repository) or self.location

    def _end(self, data: bytes) -> None:
        """The request that ends it. If its answer was lost the blob is there, and another try is refused."""
        separator = "&" if "?" in self.location else "?"
        target = f"{self.location}{separator}{urlencode({'digest': self.digest})}"
        try:
            self.connection.call("PUT", target, headers=_BYTES, body=data, again=not data)
        except RegistryError as error:
            if (
                error.code in {RefusalCode.FULL, RefusalCode.UNAUTHORIZED, RefusalCode.DENIED}
                or not self._is_there()
            ):
                raise

    def _is_there(self) -> bool:
        path = f"/v2/{self.repository}/blobs/{self.digest}"
        with self.connection.open("HEAD", path, missing_ok=True) as response:
            return response.status == HTTPStatus.OK


def _passing(failure: RegistryError) -> RegistryUnavailable:
    """A fault of a stream after which it goes on: also that more had arrived than the registry said."""
    if isinstance(failure, RegistryUnavailable):
        return failure
    if failure.code is not RefusalCode.RANGE:
        raise failure
    return RegistryUnavailable(RefusalCode.UNREACHABLE, failure.what, where=failure.where, why=failure.why)


def upload_location(
    connection: Connection, repository: str, *, digest: str = "", home: str = ""
) -> str | None:
    """Where to upload to; None: the registry took the blob `digest` over from its repository `home`."""
    query = f"?{urlencode({'mount': digest, 'from': home})}" if home else ""
    with connection.open("POST", f"/v2/{repository}/blobs/uploads/{query}", body=b"") as response:
        return (
            None if home and response.status == HTTPStatus.CREATED else response.headers.get("Location", "")
        )
