"""Requests to one registry over kept connections: what is worth asking again, where it leads, and clear refusals.

Every failure is a RegistryError with a code, so that callers decide by code and people read one clear sentence.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from slipway.bundle.registry import answers, pools, tokens
from slipway.bundle.registry.patience import PATIENCE, Patience
from slipway.bundle.registry.refusals import (
    REGISTRY,
    Peer,
    RegistryError,
    RegistryUnavailable,
    connection_error,
    refusal,
)
from slipway.bundle.registry.secrecy import refuse_in_clear
from slipway.model.codes import RefusalCode

if TYPE_CHECKING:
    import urllib3

#: Bytes of a refusal that a person may have to read.
LONGEST_TEXT = 500

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: Redirects one after the other.
HOPS = 5


class Connection:
    """One registry and one account. `address`: where to connect to when the URL's name cannot be looked up here.

    `outside`: a registry in the Internet, which may send a download elsewhere, and is asked for pulls alone. A site's
    own registry may not: what serves a site stays in it. `peer`: what it is, if it is no registry. May be used from
    several threads.
    """

    def __init__(
        self,
        url: str,
        ca_file: Path | None = None,
        username: str = "",
        password: str = "",
        address: str | None = None,
        pauses: tuple[float, ...] = PATIENCE,
        *,
        outside: bool = False,
        peer: Peer = REGISTRY,
    ) -> None:
        self.url = url.rstrip("/")
        if username:
            refuse_in_clear(self.url)
        self._pauses, self._outside, self._peer = pauses, outside, peer
        self._pool = pools.pool(self.url, ca_file, address, outside=outside)
        self._headers = {"Host": urlsplit(self.url).netloc, "User-Agent": "slipway"}
        account = (username, password) if username else None
        self._tokens = tokens.Tokens(account, self._pool, outside=outside)
        self._met = False

    def close(self) -> None:
        """Close what is kept."""
        self._pool.close()

    def patience(self) -> Patience:
        """For one piece of work."""
        return Patience(self._pauses, lambda: self._met)

    def call(self, method: str, path: str, **options: Any) -> None:
        """A request whose answer does not matter beyond that it is of success."""
        with self.open(method, path, **options):
            pass

    @contextmanager
    def open(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | IO[bytes] | None = None,
        missing_ok: bool = False,
        again: bool = True,
    ) -> Iterator["urllib3.BaseHTTPResponse"]:
        """One request; its answer is of success, or 404 where that is an answer too.

        It is sent again where the registry did not answer, or failed, unless `again` says that the caller knows what
        to send then.
        """
        patience = self.patience() if again else Patience(())
        target = self._relative(path)
        response = self._answer(patience, method, target, headers or {}, body, missing_ok)
        try:
            yield response
        except BaseException as exc:
            _discard(response)
            translated = self._broken(exc)
            if translated is exc:
                raise
            raise translated from exc
        answers.leave(response)

    def _answer(
        self,
        patience: Patience,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | IO[bytes] | None,
        missing_ok: bool,
    ) -> "urllib3.BaseHTTPResponse":
        while True:
            try:
                response = self._exchange(method, target, headers, body)
                self._check_status(method, target, response, missing_ok)
            except RegistryUnavailable as failure:
                patience.wait(failure)
            else:
                return response

    def _exchange(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | IO[bytes] | None
    ) -> "urllib3.BaseHTTPResponse":
        """One answer, after a token was fetched where the registry wants one."""
        response = self._send(method, target, headers, body)
        challenge = response.headers.get("WWW-Authenticate", "")
        if response.status == HTTPStatus.UNAUTHORIZED and self._peer.tokens and tokens.wants_token(challenge):
            _discard(response)
            self._tokens.fetch(target, challenge)
            if hasattr(body, "seek"):
                raise RegistryUnavailable(
                    RefusalCode.UNAUTHORIZED, "the registry's token ended", where=self.url
                )
            response = self._send(method, target, headers, body)
        if self._outside and method in {"GET", "HEAD"}:
            return self._follow(method, response, f"{self.url}{target}", headers)
        return response

    def _follow(
        self, method: str, response: "urllib3.BaseHTTPResponse", url: str, headers: Mapping[str, str]
    ) -> "urllib3.BaseHTTPResponse":
        """Where a server keeps its files elsewhere; the account is not told to another one."""
        hops = HOPS
        while response.status in _REDIRECTS:
            _discard(response)
            before, url = url, self._joined(url, response.headers.get("Location", ""))
            hops -= 1
            if not hops or (before.startswith("https:") and not url.startswith("https:")):
                why = f"{before} leads to {url}"
                raise RegistryError(
                    RefusalCode.REFUSED,
                    "it is sent on too often, or to where nothing is encrypted",
                    where=self.url,
                    why=why,
                )
            if url.startswith(f"{self.url}/"):
                response = self._send(method, self._relative(url), headers, None)
            else:
                response = self._elsewhere(method, url, headers)
        return response

    def _elsewhere(self, method: str, url: str, headers: Mapping[str, str]) -> "urllib3.BaseHTTPResponse":
        import urllib3

        manager = pools.manager_for(self._pool, url, outside=True)
        timeout = urllib3.Timeout(connect=pools.CONNECT_SECONDS, read=pools.READ_SECONDS)
        sent = {"User-Agent": self._headers["User-Agent"], **headers}
        try:
            return manager.request(
                method,
                url,
                headers=sent,
                preload_content=False,
                timeout=timeout,
                retries=False,
                redirect=False,
            )
        except (urllib3.exceptions.HTTPError, ValueError) as exc:
            raise self._failure(exc) from exc

    def _send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | IO[bytes] | None
    ) -> "urllib3.BaseHTTPResponse":
        import urllib3

        sent = {**self._headers, **self._tokens.headers(path), **headers}
        try:
            return self._pool.urlopen(
                method, path, body=body, headers=sent, redirect=False, preload_content=False
            )
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as exc:
            raise self._failure(exc) from exc

    def _relative(self, location: str) -> str:
        """Path and query of a path or of an absolute Location."""
        try:
            parts = urlsplit(location)
        except ValueError as exc:
            raise self._no_url(location, exc) from exc
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    def _joined(self, url: str, location: str) -> str:
        """Where a Location leads."""
        try:
            return urljoin(url, location)
        except ValueError as exc:
            raise self._no_url(location, exc) from exc

    def _no_url(self, location: str, exc: ValueError) -> RegistryError:
        what, why = "it is sent on to what is no URL", f"{location}: {exc}"
        return RegistryError(RefusalCode.REFUSED, what, where=self.url, why=why)

    def _broken(self, exc: BaseException) -> BaseException:
        """What failed while an answer was read."""
        import urllib3

        return self._failure(exc) if isinstance(exc, urllib3.exceptions.HTTPError) else exc

    def _failure(self, exc: Exception) -> RegistryError:
        return connection_error(exc, self.url, self._peer, met=self._met)

    def _check_status(
        self, method: str, path: str, response: "urllib3.BaseHTTPResponse", missing_ok: bool
    ) -> None:
        self._met = True
        if response.status < HTTPStatus.MULTIPLE_CHOICES:
            return
        if missing_ok and response.status == HTTPStatus.NOT_FOUND:
            return
        request, pause = f"{method} {path.partition('?')[0]}", response.headers.get("Retry-After", "")
        failure = refusal(
            self.url, request, response.status, self._text(response), _seconds(pause), self._peer
        )
        _discard(response)
        raise failure

    def _text(self, response: "urllib3.BaseHTTPResponse") -> str:
        """The beginning of what it says."""
        return answers.beginning(response, LONGEST_TEXT).decode(errors="replace")


def _discard(response: "urllib3.BaseHTTPResponse") -> None:
    """Close what nobody reads to its end, and give its place among the kept connections back."""
    response.close()
    response.release_conn()


def _seconds(text: str) -> float:
    """Retry-After as a number; a date is not waited for any other than by our own pauses."""
    return float(text) if text.isascii() and text.isdigit() else 0.0
