"""One request to the Kubernetes API and its answer: credentials, connections and failures. For `client` alone.

The kubernetes library gives credentials, TLS and connections; its typed API is left alone (no help with kinds
that modules bring). This is where its exceptions, urllib3's and HTTP's refusals become ours.
"""

import json
import re
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

from slipway.cluster.rest import credentials
from slipway.cluster.rest.refusals import refusal, unreachable
from slipway.errors import StepError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

#: Seconds to connect and to wait for an answer: longer than the slowest list of 1000 objects takes.
TIMEOUT = (5.0, 30.0)

#: Seconds of silence before the kernel asks a peer whether it lives, seconds between two questions, and how many remain
#: unanswered: 25 s until a machine counts as gone that lost its power.
KEEPALIVE = (10, 5, 3)

NOT_FOUND = 404
REFUSED = 400

#: What YAML does not take as it stands, or changes (YAML 1.1, 5.1 and 5.4); in JSON it is inside of text only.
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")

_NO_ACCOUNT = "it is that of a pod: outside of one, name a kubeconfig"


def open_api(kubeconfig: Path | None) -> "ApiClient":
    """The library's client for a kubeconfig, or for the ServiceAccount of the pod this runs in."""
    import urllib3

    credentials.import_library()
    from kubernetes.client import ApiClient, Configuration

    configuration = Configuration()
    try:
        credentials.load_credentials(configuration, kubeconfig)
    except credentials.UnusableCredentialsError as exc:
        raise StepError(
            "the kubeconfig cannot be used",
            where=str(kubeconfig or "ServiceAccount"),
            why=str(exc),
            hint="fetch it again with `slipway kubeconfig`" if kubeconfig else _NO_ACCOUNT,
        ) from exc
    configuration.socket_options = _socket_options()
    configuration.connection_pool_maxsize = 16
    configuration.retries = urllib3.Retry(connect=1, read=0, redirect=0, status=0, other=0)
    return ApiClient(configuration)


def _socket_options() -> list[tuple[int, int, int]]:
    """Finds a dead peer under a silent watch, and under a request that nobody acknowledges."""
    from kubernetes.utils.keepalive import tcp_keepalive_socket_options

    idle, interval, count = KEEPALIVE
    given: list[tuple[int, int, int]] = tcp_keepalive_socket_options(idle, interval, count)
    patience = (idle + interval * count) * 1000
    return [*given, (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, patience)]


class Answer:
    """A response. Reading is guarded too: a connection can break in the middle."""

    def __init__(self, response: Any, url: str) -> None:
        self._response = response
        self._url = url
        self.status: int = response.status

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._response.release_conn()
        else:
            self._response.close()

    def data(self) -> Any:
        """The whole body: JSON where it is, else text."""
        body = b"".join(self._chunks(65536))
        try:
            return json.loads(body)
        except ValueError:
            return body.decode(errors="replace")

    def lines(self) -> Iterator[bytes]:
        """The body line by line, as it arrives."""
        rest = b""
        for chunk in self._chunks(None):
            *whole, rest = (rest + chunk).split(b"\n")
            yield from (line for line in whole if line)

    def shutdown(self) -> None:
        """Break it off, from another thread."""
        self._response.shutdown()

    def _chunks(self, size: int | None) -> Iterator[bytes]:
        from urllib3.exceptions import HTTPError

        try:
            yield from self._response.stream(size)
        except (HTTPError, OSError, ValueError) as exc:
            raise unreachable(self._url, exc) from exc


def send(
    api: "ApiClient",
    method: str,
    path: str,
    *,
    body: Any = None,
    query: Mapping[str, str] | None = None,
    content: str = "application/json",
    accept: str = "application/json",
    timeout: tuple[float, float] = TIMEOUT,
) -> Answer:
    """One request; its answer is yet to be read. Only no answer at all is an error here."""
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    headers = {"Accept": accept, "Content-Type": content}
    api.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
    given = urlencode({key: value for key, value in (query or {}).items() if value})
    url = f"{api.configuration.host}{path}" + (f"?{given}" if given else "")
    sent = _yaml(body) if content.endswith("+yaml") else body
    try:
        request = api.rest_client.request
        answer = request(method, url, headers=headers, body=sent, _request_timeout=timeout)  # type: ignore[no-untyped-call]
    except (HTTPError, OSError, ApiException) as exc:
        raise unreachable(url, exc) from exc
    return Answer(answer.response, url)


def _yaml(body: Any) -> bytes:
    """JSON that YAML reads as the same: it knows no surrogate pairs, and folds lines at more than line feeds."""
    text = json.dumps(body, ensure_ascii=False)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode(errors="replace")


def raise_refusal(status: int, data: Any, action: str) -> None:
    """Raise what an answer of 400 and above means."""
    if status >= REFUSED:
        raise refusal(status, data, action)
