"""A small client of the site registry for target hosts: blobs and health, with the standard library only.

The registry's name need not resolve yet: `address` is connected to while TLS verifies the name. A replica at a second
address is asked where the first one does not answer, fails, or lacks something.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import re
import socket
import ssl
import time
import urllib.parse

from ansible.module_utils.slipway_error import HostError
from ansible.module_utils.slipway_paths import reading, unlink, writing

CHUNK = 1 << 20
TIMEOUT = 30
#: Seconds to accept a connection, where there is a second address to try.
IMPATIENCE = 5
ATTEMPTS = 5
REDIRECTS = 5
#: OpenSSL's X509_V_FLAG_PARTIAL_CHAIN, which Python 3.9 does not name.
PARTIAL_CHAIN = 0x80000
#: Answers that a repetition may heal.
TRANSIENT = {408, 429, 500, 502, 503, 504}


class TransientFailure(Exception):
    """Worth another try."""


class Lacking(HostError):
    """This copy of the registry does not have it, or has it damaged: a replica may."""


class _Pinned(http.client.HTTPSConnection):
    """TLS to an address, verified against a name."""

    def __init__(self, host: str, port: int, address: str, context: ssl.SSLContext, patience: float) -> None:
        super().__init__(host, port, timeout=TIMEOUT, context=context)
        self._address, self._tls, self._patience = address, context, patience

    def connect(self) -> None:
        """Connect to the address; SNI and verification use the name."""
        raw = socket.create_connection((self._address, self.port), self._patience)
        raw.settimeout(self.timeout)
        self.sock = self._tls.wrap_socket(raw, server_hostname=self.host)


def trust(ca: str) -> ssl.SSLContext:
    """Trust this authority (or leaf) alone, or the system's where none is given."""
    context = ssl.create_default_context(cadata=ca or None)
    # Newer Pythons refuse certificates of older private authorities for form alone.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= PARTIAL_CHAIN
    return context


def authority(url: str) -> tuple[str, str]:
    """Who is asked by a URL, and whether encrypted."""
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.netloc


def private(parts: urllib.parse.SplitResult) -> bool:
    """Whether what is sent there is read by nobody on the way: https, or this machine itself."""
    return parts.scheme == "https" or parts.hostname in {"127.0.0.1", "::1", "localhost"}


class Registry:
    """One registry, one pull account; may be used from several threads."""

    def __init__(
        self,
        url: str,
        *,
        ca: str = "",
        credentials: str = "",
        address: str = "",
        replica: str = "",
        project: str = "",
    ) -> None:
        self.url = url.rstrip("/")
        self.addresses = [address, replica] if replica else [address]
        self.address = address
        self.project = f"{project}/" if project else ""
        self.authorization = "Basic " + base64.b64encode(credentials.encode()).decode() if credentials else ""
        self.tls = trust(ca) if url.startswith("https") else None

    def get(
        self, url: str, *, offset: int = 0, authorization: str | None = None
    ) -> tuple[http.client.HTTPResponse, http.client.HTTPConnection]:
        """GET that follows redirects and token challenges; the unread response and its connection."""
        sent = self.authorization if authorization is None else authorization
        for _ in range(REDIRECTS):
            response, connection = self._once(url, offset, sent)
            if response.status in {301, 302, 303, 307, 308}:
                location = urllib.parse.urljoin(url, response.headers["Location"])
                connection.close()
                # A blob store elsewhere has its own signature in the URL and must not see our password.
                sent = sent if authority(location) == authority(url) else ""
                url = location
                continue
            challenge = response.headers.get("WWW-Authenticate", "")
            if (
                response.status == 401
                and challenge.lower().startswith("bearer")
                and not sent.startswith("Bearer")
            ):
                connection.close()
                sent = self._token(challenge)
                continue
            return response, connection
        raise HostError(f"{url}: too many redirects")

    def _once(
        self, url: str, offset: int, authorization: str
    ) -> tuple[http.client.HTTPResponse, http.client.HTTPConnection]:
        parts = urllib.parse.urlsplit(url)
        if authorization and not private(parts):
            raise HostError(f"{parts.scheme}://{parts.netloc}: an account is told to nobody without TLS")
        connection = self._connection(parts)
        headers = {"Authorization": authorization} if authorization else {}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        path = urllib.parse.urlunsplit(("", "", parts.path, parts.query, ""))
        try:
            connection.request("GET", path, headers=headers)
            return connection.getresponse(), connection
        except ssl.SSLCertVerificationError as error:
            connection.close()
            raise HostError(f"{url}: certificate not accepted: {error.verify_message}") from error
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise TransientFailure(f"{url}: {error}") from error

    def _connection(self, parts: urllib.parse.SplitResult) -> http.client.HTTPConnection:
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        ours = host == urllib.parse.urlsplit(self.url).hostname
        address = self.address if ours and self.address else host
        if parts.scheme == "https":
            patience = IMPATIENCE if ours and len(self.addresses) > 1 else TIMEOUT
            return _Pinned(host, port, address, self.tls or ssl.create_default_context(), patience)
        return http.client.HTTPConnection(address, port, timeout=TIMEOUT)

    def _token(self, challenge: str) -> str:
        fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        query = urllib.parse.urlencode({k: fields[k] for k in ("service", "scope") if k in fields})
        url = f"{fields.get('realm', '')}?{query}"
        response, connection = self._once(url, 0, self.authorization)
        try:
            if response.status != 200:
                raise HostError(f"{fields.get('realm')}: HTTP {response.status} for a pull token")
            answer = json.loads(response.read(CHUNK))
            return f"Bearer {answer.get('token') or answer['access_token']}"
        except (ValueError, KeyError, AttributeError, RecursionError) as error:
            raise HostError(f"{fields.get('realm')}: this is no pull token: {error!r}") from error
        finally:
            response.close()
            connection.close()

    def download(self, repository: str, digest: str, path: str, size: int | None = None) -> None:
        """One blob into a file, resumed where an earlier try stopped, and checked while it streams.

        `size`: bytes that it has, where that is known; more is not taken.
        """
        url = f"{self.url}/v2/{self.project}{repository}/blobs/{digest}"
        lacking: dict[str, Lacking] = {}
        for attempt in range(ATTEMPTS):
            for asked in [address for address in self._in_turn() if address not in lacking]:
                self.address = asked
                try:
                    self._attempt(url, digest, path, size)
                except Lacking as failure:
                    lacking[asked] = failure
                except TransientFailure as failure:
                    last = failure
                else:
                    return
            if len(lacking) == len(self.addresses):
                raise next(iter(lacking.values()))
            if attempt < ATTEMPTS - 1:
                time.sleep(2**attempt * 0.5)
        told = "; ".join(map(str, [*lacking.values(), last]))
        raise HostError(f"{told} (tried {ATTEMPTS} times)", url=url) from last

    def _in_turn(self) -> list[str]:
        """All addresses, the one that answered last before the others."""
        found = self.address
        return [found, *(address for address in self.addresses if address != found)]

    def _attempt(self, url: str, digest: str, path: str, size: int | None) -> None:
        have = hashlib.sha256()
        offset = _absorb(path, have)
        response, connection = self.get(url, offset=offset)
        try:
            if response.status == 416 or (offset and response.status == 200):
                unlink(path)
                raise TransientFailure(f"{url}: cannot be continued at {offset}")
            if response.status in TRANSIENT:
                raise TransientFailure(f"{url}: HTTP {response.status}")
            if response.status not in {200, 206}:
                kind = Lacking if response.status == 404 else HostError
                raise kind(
                    f"{url}: HTTP {response.status} {response.reason}", url=url, status=response.status
                )
            _receive(response, path, have, url, size)
        finally:
            response.close()
            connection.close()
        if f"sha256:{have.hexdigest()}" != digest:
            unlink(path)
            raise Lacking(f"{url}: got sha256:{have.hexdigest()}: the registry's copy is damaged", url=url)

    def wait(self, seconds: float, *, accept: frozenset[int] = frozenset({200, 401})) -> None:
        """Until /v2/ answers, or a HostError with its last words."""
        deadline = time.monotonic() + seconds
        last = ""
        while True:
            try:
                response, connection = self.get(f"{self.url}/v2/")
                connection.close()
                if response.status in accept:
                    return
                last = f"{self.url}/v2/: HTTP {response.status}"
            except TransientFailure as failure:
                last = str(failure)
            if time.monotonic() > deadline:
                raise HostError(f"{last} (waited {seconds:.0f} s)")
            time.sleep(0.2)


def _absorb(path: str, digest: hashlib._Hash) -> int:
    """Hash what is there already; its size."""
    try:
        with reading(path) as stream:
            for chunk in iter(lambda: stream.read(CHUNK), b""):
                digest.update(chunk)
            return stream.tell()
    except FileNotFoundError:
        return 0


def _receive(
    response: http.client.HTTPResponse, path: str, digest: hashlib._Hash, url: str, size: int | None
) -> None:
    """Append the body to the file, but for what is more than all of it."""
    with writing(path, append=True) as stream:
        os.fchmod(stream.fileno(), 0o600)
        while True:
            try:
                chunk = response.read(CHUNK)
            except (OSError, http.client.HTTPException) as error:
                raise TransientFailure(f"{url}: {error}") from error
            if not chunk:
                break
            digest.update(chunk)
            stream.write(chunk)
            if size is not None and stream.tell() > size:
                return
    left = response.length
    if left:
        raise TransientFailure(f"{url}: the connection ended {left} bytes early")
