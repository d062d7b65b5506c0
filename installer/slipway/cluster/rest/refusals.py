"""What the Kubernetes API refuses, or why it does not answer, as an error with a way out that is true. Pure.

The number alone does not tell: 403 is what an account may not do, what an admission rule forbids, and what a namespace
refuses that is being deleted. What tells is the Status of the answer: its reason and its causes.
"""

import re
import ssl
from collections.abc import Iterator, Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from slipway.cluster.rest.conflicts import conflicting_fields
from slipway.errors import ConflictError, SlipwayError, StepError, TransientError

#: Answers of a server that is starting, overloaded or compacted (410: list again); time heals them.
_PASSING = frozenset({408, 410, 429, 500, 502, 503, 504})

#: How the API server words the refusal of its authorizers; admission words its own otherwise.
_NOT_ALLOWED = re.compile(
    r'User "[^"]*" cannot \w+ (resource|path) |is attempting to grant RBAC permissions not currently held'
)
_CREDENTIALS = (
    "these credentials are not accepted, or no more; a kubeconfig is fetched again by `slipway kubeconfig`"
)
_ACCOUNT = (
    "give the account this right, or use the administrator's kubeconfig: "
    "export KUBECONFIG=$(slipway kubeconfig)"
)
_ADMISSION = (
    "the account may do this; a rule of the cluster forbids it (admission, quota): its words say which"
)
_TERMINATING = (
    "wait until the namespace is gone; what keeps it is in its conditions: kubectl get namespace -o yaml"
)
_FIELDS = "take their values into your file, or overrule them: slipway apply --force-conflicts"
_AGAIN = "somebody else was faster: run it again"
_PASSING_AWAY = "run it again in a moment; where it stays so, see the logs of kube-apiserver and etcd"
_UNTRUSTED = (
    "where the cluster was made anew: slipway kubeconfig; where it was not, somebody may be in between"
)
_NAME = "let this machine resolve that name, by its name server or /etc/hosts"
_SILENT = "see whether this machine reaches that address; then look at kubelet and kube-apiserver there"


class StatusCause(StrEnum):
    """Causes of a Status (metav1.StatusCause) that decide what is to be done."""

    NAMESPACE_TERMINATING = "NamespaceTerminating"


def refusal(status: int, data: Any, action: str) -> SlipwayError:
    """What an answer of 400 and above means; `data` is its body, a Status where the API server itself wrote it."""
    details = data if isinstance(data, Mapping) else {}
    why = str(details.get("message") or data)[:2000]
    if status == HTTPStatus.CONFLICT:
        fields = conflicting_fields(details)
        hint = _FIELDS if fields else _AGAIN
        return ConflictError(f"conflict: {action}", where="kubernetes", why=why, hint=hint, findings=fields)
    passing = status in _PASSING or StatusCause.NAMESPACE_TERMINATING in _causes(details)
    kind: type[SlipwayError] = TransientError if passing else StepError
    what = f"the Kubernetes API answered {status}: {action}"
    return kind(what, where="kubernetes", why=why, hint=_hint(status, details, why))


def _hint(status: int, details: Mapping[str, Any], why: str) -> str:
    if status == HTTPStatus.UNAUTHORIZED:
        return _CREDENTIALS
    if status != HTTPStatus.FORBIDDEN:
        return _PASSING_AWAY if status in _PASSING else ""
    if StatusCause.NAMESPACE_TERMINATING in _causes(details):
        return _TERMINATING
    return _ACCOUNT if _NOT_ALLOWED.search(why) else _ADMISSION


def _causes(details: Mapping[str, Any]) -> set[str]:
    causes = (details.get("details") or {}).get("causes") or ()
    return {str(cause.get("reason", "")) for cause in causes}


def unreachable(url: str, exc: Exception) -> TransientError:
    """No answer at all: what urllib3, a socket or the kubernetes library says of it."""
    from urllib3.exceptions import NameResolutionError

    hint = _SILENT
    for cause in _chain(exc):
        if isinstance(cause, ssl.SSLCertVerificationError):
            hint = _UNTRUSTED
        elif isinstance(cause, NameResolutionError):
            hint = _NAME
    return TransientError(
        "the Kubernetes API does not answer",
        where=url.partition("?")[0],
        why=f"{type(exc).__name__}: {exc}"[:500],
        hint=hint,
    )


def _chain(exc: BaseException) -> Iterator[BaseException]:
    """An exception with all that it was made of: urllib3 keeps the inner one as `reason`, or as its argument."""
    seen: list[BaseException] = []
    waiting: list[object] = [exc]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and one not in seen:
            seen.append(one)
            waiting += [getattr(one, "reason", None), one.__cause__, one.__context__, *one.args]
    return iter(seen)
