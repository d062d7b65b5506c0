"""What registries and servers answer, as far as anybody needs it: one that sends without end fills nothing here."""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from slipway.bundle.registry.refusals import RegistryError
from slipway.model.codes import RefusalCode
from slipway.smallfiles import LIMIT, json_in

if TYPE_CHECKING:
    import urllib3

#: Bytes that are taken at once, if so many are there.
PIECE: Final = 256 << 10
#: Seconds for all of an answer that is no file. A connection without a byte is given up long before.
SECONDS: Final = 300.0
#: Bytes that nobody asked for, read to keep a connection.
_REST: Final = 64 << 10


def pieces(response: "urllib3.BaseHTTPResponse", *, decoded: bool = True) -> Iterator[bytes]:
    """Its body as it comes. `decoded`: unpacked, where it is packed for the way.

    Raises:
        urllib3.exceptions.HTTPError: the connection breaks, or says what no server says.
    """
    from urllib3.exceptions import ProtocolError

    try:
        while data := response.read1(PIECE, decode_content=decoded):
            yield data
    except ValueError as exc:
        raise ProtocolError(str(exc)) from exc


def whole(response: "urllib3.BaseHTTPResponse", where: str, most: int = LIMIT) -> bytes:
    """All of an answer that is no file.

    Raises:
        RegistryError: it has more bytes than any, or takes longer.
    """
    ends, found = time.monotonic() + SECONDS, bytearray()
    for data in pieces(response):
        found += data
        if len(found) > most or time.monotonic() > ends:
            what = (
                f"its answer has more than {most >> 20} MiB"
                if len(found) > most
                else "its answer does not end"
            )
            raise RegistryError(RefusalCode.DIGEST, what, where=where)
    return bytes(found)


def beginning(response: "urllib3.BaseHTTPResponse", most: int) -> bytes:
    """So many bytes of it at most; what has come, where it breaks off."""
    from urllib3.exceptions import HTTPError

    ends, found = time.monotonic() + SECONDS, bytearray()
    with suppress(HTTPError):
        for data in pieces(response):
            found += data
            if len(found) >= most or time.monotonic() > ends:
                break
    return bytes(found[:most])


def object_in(text: bytes, where: str) -> dict[str, Any]:
    """The object of JSON that an answer is.

    Raises:
        RegistryError: it is none.
    """
    try:
        data = json_in(text)
    except ValueError as exc:
        why = str(exc)
    else:
        if isinstance(data, dict):
            return data
        why = f"it is a {type(data).__name__}"
    raise RegistryError(RefusalCode.DIGEST, "its answer cannot be read", where=where, why=why)


def listed(data: dict[str, Any], key: str, kind: type, where: str) -> list[Any]:
    """A list in such an object, of things of one type; none where it has none.

    Raises:
        RegistryError: it has something else there.
    """
    found = data.get(key) or []
    if not isinstance(found, list) or not all(isinstance(item, kind) for item in found):
        raise RegistryError(
            RefusalCode.DIGEST, "its answer cannot be read", where=where, why=f"{key} is no list"
        )
    return found


def leave(response: "urllib3.BaseHTTPResponse") -> None:
    """Let the next request have its connection, if what is left of it is little."""
    from urllib3.exceptions import HTTPError

    left = _REST
    with suppress(HTTPError):
        for data in pieces(response, decoded=False):
            left -= len(data)
            if left < 0:
                break
    if left < 0 or not response.closed:
        response.close()
    response.release_conn()
