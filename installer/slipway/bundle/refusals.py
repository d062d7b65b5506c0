"""What a registry refuses, as errors with codes: callers decide by code, people read one clear sentence."""

from http import HTTPStatus
from typing import Any, ClassVar

from slipway.errors import BundleError

HINTS = {
    "denied": "the account may not do this: pushes need the push account",
    "full": "free space where the registry keeps its data, or give it more; then the same command goes on",
    "not-found": "push the bundle again: slipway bundle push DIR",
    "tls": "name the certificate authority that signed the registry's certificate (registry.caRef)",
    "unauthorized": "check user and password of the registry account",
    "unreachable": "check that the registry runs and that its address and port are right",
}
_REFUSALS = {
    401: ("unauthorized", "the registry refuses the account"),
    403: ("denied", "the registry forbids this to the account"),
    404: ("not-found", "the registry does not have it"),
    405: ("denied", "the registry is read-only here"),
    416: ("range", "the registry does not have these bytes"),
}


class RegistryError(BundleError):
    """It refused something: unauthorized, denied, tls, unreachable, not-found, range, digest, full, refused."""

    def __init__(self, code: str, what: str, *, where: str, why: str = "", hint: str = "") -> None:
        super().__init__(what, where=where, why=why, hint=hint or HINTS.get(code, ""))
        self.code = code

    def as_dict(self) -> dict[str, Any]:
        """With the code, for machines."""
        return super().as_dict() | {"code": self.code}


class RegistryUnavailable(RegistryError):  # noqa: N818 - a state, as TransientError is
    """It did not answer, or failed itself: the same request can work later, after `pause` seconds if it says so."""

    retryable: ClassVar[bool] = True
    pause: float = 0.0


def refusal(url: str, request: str, status: int, text: str, pause: float) -> RegistryError:
    """What a status means; `request` is method and path, `text` what it said, `pause` what it asks for in seconds."""
    why = f"{request}: {status} {text}"
    if status == HTTPStatus.INSUFFICIENT_STORAGE or "no space left on device" in text:
        return RegistryError("full", "the registry's disk is full", where=url, why=why)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        busy = status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
        what = "the registry is overloaded" if busy else "the registry failed"
        failure = RegistryUnavailable("unreachable", what, where=url, why=why)
        failure.pause = pause
        return failure
    code, what = _REFUSALS.get(status, ("refused", "the registry refuses the request"))
    return RegistryError(code, what, where=url, why=why)
