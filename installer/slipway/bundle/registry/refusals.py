"""What a registry or another server refuses, as errors with codes: callers decide by code, people read a sentence."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar, Final

from slipway.errors import BundleError
from slipway.model.codes import RefusalCode

HINTS = {
    RefusalCode.DENIED: "the account may not do this: pushes need the push account",
    RefusalCode.FULL: "free space where the registry keeps its data, or give it more; then the same command goes on",
    RefusalCode.NOT_FOUND: "push the bundle again: slipway bundle push DIR",
    RefusalCode.TLS: (
        "name the certificate authority that signed the registry's certificate (registry.caRef, --ca-file)"
    ),
    RefusalCode.UNAUTHORIZED: "check user and password of the registry account",
    RefusalCode.UNREACHABLE: "check that the registry runs and that its address and port are right",
}
_PULLS = "let the account pull there, and look whether a rule of the registry holds this image back"
_REFUSALS = {
    401: (RefusalCode.UNAUTHORIZED, "refuses the account"),
    403: (RefusalCode.DENIED, "forbids this to the account"),
    404: (RefusalCode.NOT_FOUND, "does not have it"),
    405: (RefusalCode.DENIED, "is read-only here"),
    410: (RefusalCode.NOT_FOUND, "does not have it any more"),
    416: (RefusalCode.RANGE, "does not have these bytes"),
}
#: How urllib3 begins what the socket says; the URL is told anyway.
_NOISE = re.compile(
    r"^HTTPS?Connection(Pool)?\([^)]*\): (Failed to establish a new connection: )?(\[Errno -?\d+\] )?"
)
#: OpenSSL's numbers for a certificate that is not valid yet, or no more.
_CLOCK_CODES = {9, 10}


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is asked, as people call it. `tokens`: whether it may send the account to a token service of its choice."""

    name: str
    hints: Mapping[RefusalCode, str]
    tokens: bool


REGISTRY: Final = Peer("registry", HINTS, tokens=True)
#: Of files that anybody may read by their URLs.
SERVER: Final = Peer(
    "server",
    {
        RefusalCode.DENIED: "see whether it wants an account, and whether ~/.netrc has one for this very host",
        RefusalCode.FULL: "this is at the server; try again later",
        RefusalCode.NOT_FOUND: "see whether the file has moved, and correct its URL",
        RefusalCode.TLS: "name the authority that signed the server's certificate by SSL_CERT_FILE",
        RefusalCode.UNAUTHORIZED: "check the account of this very host in ~/.netrc",
        RefusalCode.UNREACHABLE: (
            "check the network, HTTPS_PROXY and NO_PROXY; the same command goes on where it stopped"
        ),
    },
    tokens=False,
)


class RegistryError(BundleError):
    """It refused something."""

    def __init__(self, code: RefusalCode, what: str, *, where: str, why: str = "", hint: str = "") -> None:
        super().__init__(what, where=where, why=why, hint=hint or HINTS.get(code, ""))
        self.code = code

    def as_dict(self) -> dict[str, Any]:
        """With the code, for machines."""
        return super().as_dict() | {"code": self.code}


class RegistryUnavailable(RegistryError):  # noqa: N818 - a state, as TransientError is
    """It did not answer, or failed itself: the same request can work later, after `pause` seconds if it says so."""

    retryable: ClassVar[bool] = True
    pause: float = 0.0


def refusal(
    url: str, request: str, status: int, text: str, pause: float, peer: Peer = REGISTRY
) -> RegistryError:
    """What a status means; `request` is method and path, `text` what it said, `pause` what it asks for in seconds."""
    why = f"{request}: {status} {text}"
    if status == HTTPStatus.INSUFFICIENT_STORAGE or "no space left on device" in text:
        return RegistryError(
            RefusalCode.FULL,
            f"the {peer.name}'s disk is full",
            where=url,
            why=why,
            hint=peer.hints[RefusalCode.FULL],
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        busy = status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
        what = f"the {peer.name} is overloaded" if busy else f"the {peer.name} failed"
        hint = peer.hints[RefusalCode.UNREACHABLE]
        failure = RegistryUnavailable(RefusalCode.UNREACHABLE, what, where=url, why=why, hint=hint)
        failure.pause = pause
        return failure
    code, does = _REFUSALS.get(status, (RefusalCode.REFUSED, "refuses the request"))
    hint = peer.hints.get(code, "")
    if peer is REGISTRY and code is RefusalCode.DENIED:
        hint = _denied(status, request)
    return RegistryError(code, f"the {peer.name} {does}", where=url, why=why, hint=hint)


def _denied(status: int, request: str) -> str:
    """Why a registry forbids something: it takes no pushes at all, or this account lacks the right."""
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return "let the registry take pushes, or push into another one"
    reads = request.startswith(("GET ", "HEAD "))
    return _PULLS if reads else HINTS[RefusalCode.DENIED]


def connection_error(exc: Exception, url: str, peer: Peer, *, met: bool) -> RegistryError:
    """What urllib3 or a socket says. `met`: whether there was an answer before."""
    from urllib3.exceptions import SSLError

    cause = getattr(exc, "reason", None) or exc
    text = _NOISE.sub("", str(cause))
    inner = cause.args[0] if isinstance(cause, SSLError) and cause.args else None
    # A connection that breaks is an SSLError too; of trust it is a matter before the first answer alone.
    if isinstance(inner, ssl.SSLCertVerificationError) or (inner and not met):
        what, hint = f"the {peer.name}'s certificate is not trusted", peer.hints[RefusalCode.TLS]
        if getattr(inner, "verify_code", 0) in _CLOCK_CODES:
            what = f"by this machine's clock the {peer.name}'s certificate is not valid"
            hint = f"set the clocks of this machine and of the {peer.name}'s host right, or renew the certificate"
        return RegistryError(RefusalCode.TLS, what, where=url, why=text, hint=hint)
    hint = peer.hints[RefusalCode.UNREACHABLE]
    return RegistryUnavailable(
        RefusalCode.UNREACHABLE, f"the {peer.name} does not answer", where=url, why=text, hint=hint
    )
