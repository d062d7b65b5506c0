"""The site registry over HTTP (OCI distribution protocol): the only code that speaks to it.

Connections are kept and may be used from several threads. Every failure is a RegistryError with a code, so that
callers decide by code and people read one clear sentence.
"""

import base64
import hashlib
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode, urlsplit

from slipway.errors import BundleError

if TYPE_CHECKING:
    import urllib3

#: Media types of what Slipway stores; a registry needs them to answer with the manifest itself.
ACCEPT = ", ".join(
    f"application/vnd.{name}+json"
    for name in (
        "oci.image.manifest.v1",
        "oci.image.index.v1",
        "docker.distribution.manifest.v2",
        "docker.distribution.manifest.list.v2",
    )
)
#: Seconds: a registry on the site's own network that takes longer to accept a connection is not there.
CONNECT_SECONDS = 5
#: Seconds without a byte before a transfer is given up.
READ_SECONDS = 60
CHUNK = 1 << 20
#: Connections kept; more threads than this wait for one.
CONNECTIONS = 16

HINTS = {
    "denied": "the account may not do this: pushes need the push account",
    "not-found": "push the bundle again: slipway bundle push DIR",
    "tls": "name the certificate authority that signed the registry's certificate (registry.caRef)",
    "unauthorized": "check user and password of the registry account",
    "unreachable": "check that the registry runs and that its address and port are right",
}


#: How urllib3 begins what the socket says; the URL is told anyway.
_NOISE = re.compile(
    r"^HTTPS?Connection(Pool)?\([^)]*\): (Failed to establish a new connection: )?(\[Errno -?\d+\] )?"
)


class RegistryError(BundleError):
    """The registry refused something. Codes: unauthorized, denied, tls, unreachable, not-found, digest, refused."""

    def __init__(self, code: str, what: str, *, where: str, why: str = "") -> None:
        super().__init__(what, where=where, why=why, hint=HINTS.get(code, ""))
        self.code = code

    def as_dict(self) -> dict[str, Any]:
        """With the code, for machines."""
        return super().as_dict() | {"code": self.code}


class RegistryUnavailable(RegistryError):  # noqa: N818 - a state, as TransientError is
    """It did not answer, or failed itself: the same request can work later."""

    retryable: ClassVar[bool] = True


class RegistryClient:
    """One registry and one account. `address`: where to connect to when the URL's name cannot be looked up here."""

    def __init__(
        self,
        url: str,
        ca_file: Path | None = None,
        username: str = "",
        password: str = "",
        address: str | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._pool = _pool(self.url, ca_file, address)
        self._headers = {"Host": urlsplit(self.url).netloc, "User-Agent": "slipway"}
        self._account = (username, password) if username else None
        self._tokens: dict[str, str] = {}
        if self._account:
            self._headers["Authorization"] = _basic(*self._account)

    def ping(self) -> None:
        """Raise unless the registry is there and accepts the account."""
        self._call("GET", "/v2/")

    def head_manifest(self, repository: str, reference: str) -> str | None:
        """The digest behind a tag or digest; None when it is not there."""
        path = f"/v2/{repository}/manifests/{reference}"
        with self._open("HEAD", path, headers={"Accept": ACCEPT}, missing_ok=True) as response:
            return (
                None
                if response.status == HTTPStatus.NOT_FOUND
                else response.headers.get("Docker-Content-Digest", "")
            )

    def get_manifest(self, repository: str, reference: str) -> tuple[bytes, str]:
        """A manifest's bytes and its digest."""
        path = f"/v2/{repository}/manifests/{reference}"
        with self._open("GET", path, headers={"Accept": ACCEPT}) as response:
            data = response.data
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        if reference.startswith("sha256:") and digest != reference:
            raise RegistryError("digest", f"{repository}@{reference} has other contents", where=self.url)
        return data, digest

    def put_manifest(self, repository: str, reference: str, data: bytes, media_type: str) -> None:
        """Store a manifest under a tag or its digest."""
        path = f"/v2/{repository}/manifests/{reference}"
        self._call("PUT", path, headers={"Content-Type": media_type}, body=data)

    def blob_exists(self, repository: str, digest: str) -> bool:
        """Whether the repository has the blob."""
        with self._open("HEAD", f"/v2/{repository}/blobs/{digest}", missing_ok=True) as response:
            return response.status == HTTPStatus.OK

    def mount_blob(self, repository: str, digest: str, other: str) -> bool:
        """Take the blob over from another repository of the registry; False: it has to be uploaded."""
        query = urlencode({"mount": digest, "from": other})
        with self._open("POST", f"/v2/{repository}/blobs/uploads/?{query}", body=b"") as response:
            if response.status == HTTPStatus.CREATED:
                return True
            location = response.headers.get("Location", "")
        self._cancel(location)
        return False

    def put_blob(self, repository: str, digest: str, source: Path | bytes) -> None:
        """Upload a blob in one stream; the registry checks its digest."""
        with self._open("POST", f"/v2/{repository}/blobs/uploads/", body=b"") as response:
            location = response.headers.get("Location", "")
        target = f"{location}{'&' if '?' in location else '?'}{urlencode({'digest': digest})}"
        headers = {"Content-Type": "application/octet-stream"}
        if isinstance(source, bytes):
            self._call("PUT", target, headers=headers, body=source)
            return
        with source.open("rb") as file:
            headers["Content-Length"] = str(source.stat().st_size)
            self._call("PUT", target, headers=headers, body=file)

    def read_blob(self, repository: str, digest: str) -> bytes:
        """A small blob, checked."""
        with self._open("GET", f"/v2/{repository}/blobs/{digest}") as response:
            data = response.data
        self._check(repository, digest, hashlib.sha256(data).hexdigest())
        return data

    def get_blob(self, repository: str, digest: str, target: Path) -> None:
        """A blob into a file that appears only when it is complete and has the digest."""
        draft = target.with_name(f".{target.name}.part")
        total = hashlib.sha256()
        with self._open("GET", f"/v2/{repository}/blobs/{digest}") as response, draft.open("wb") as file:
            for chunk in response.stream(CHUNK):
                total.update(chunk)
                file.write(chunk)
        self._check(repository, digest, total.hexdigest())
        draft.rename(target)

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def _check(self, repository: str, digest: str, found: str) -> None:
        if digest != f"sha256:{found}":
            raise RegistryError("digest", f"{repository}@{digest} has other contents", where=self.url)

    def _cancel(self, location: str) -> None:
        if location:
            with self._open("DELETE", location, missing_ok=True):
                pass

    def _call(self, method: str, path: str, **options: Any) -> None:
        with self._open(method, path, **options):
            pass

    @contextmanager
    def _open(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | IO[bytes] | None = None,
        missing_ok: bool = False,
    ) -> Iterator["urllib3.BaseHTTPResponse"]:
        """One request; its answer is of success, or 404 where that is an answer too."""
        target = _relative(path)
        response = self._send(method, target, headers or {}, body)
        if response.status == HTTPStatus.UNAUTHORIZED and self._authorize(
            target, response.headers.get("WWW-Authenticate", "")
        ):
            response.close()
            response = self._send(method, target, headers or {}, body)
        try:
            self._check_status(method, target, response, missing_ok=missing_ok)
            yield response
        except BaseException:
            response.close()
            raise
        response.drain_conn()
        response.release_conn()

    def _send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | IO[bytes] | None
    ) -> "urllib3.BaseHTTPResponse":
        import urllib3

        sent = {**self._headers, **headers}
        token = self._tokens.get(_repository(path))
        if token:
            sent["Authorization"] = f"Bearer {token}"
        try:
            return self._pool.urlopen(
                method, path, body=body, headers=sent, redirect=False, preload_content=False
            )
        except (urllib3.exceptions.HTTPError, OSError) as exc:
            raise self._failure(exc) from exc

    def _authorize(self, path: str, challenge: str) -> bool:
        """Get a token where the registry wants one (Harbor and others); False: the account was refused as it is."""
        fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        if not challenge.lower().startswith("bearer") or "realm" not in fields:
            return False
        repository = _repository(path)
        query = {"service": fields.get("service", "")}
        query |= {"scope": f"repository:{repository}:pull,push"} if repository else {}
        self._tokens[repository] = _token(f"{fields['realm']}?{urlencode(query)}", self._account, self._pool)
        return True

    def _failure(self, exc: Exception) -> RegistryError:
        from urllib3.exceptions import SSLError

        cause = getattr(exc, "reason", None) or exc
        text = _NOISE.sub("", str(cause))
        if isinstance(cause, SSLError):
            return RegistryError("tls", "the registry's certificate is not trusted", where=self.url, why=text)
        return RegistryUnavailable("unreachable", "the registry does not answer", where=self.url, why=text)

    def _check_status(
        self, method: str, path: str, response: "urllib3.BaseHTTPResponse", *, missing_ok: bool
    ) -> None:
        missing = missing_ok and response.status == HTTPStatus.NOT_FOUND
        if response.status >= HTTPStatus.MULTIPLE_CHOICES and not missing:
            raise self._refusal(method, path, response)

    def _refusal(self, method: str, path: str, response: "urllib3.BaseHTTPResponse") -> RegistryError:
        why = f"{method} {path.partition('?')[0]}: {response.status} {response.data[:300].decode(errors='replace')}"
        known = {
            401: ("unauthorized", "the registry refuses the account"),
            403: ("denied", "the registry forbids this to the account"),
            404: ("not-found", "the registry does not have it"),
            405: ("denied", "the registry is read-only here"),
        }
        if (
            response.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            or response.status == HTTPStatus.TOO_MANY_REQUESTS
        ):
            return RegistryUnavailable("unreachable", "the registry failed", where=self.url, why=why)
        code, what = known.get(response.status, ("refused", "the registry refuses the request"))
        return RegistryError(code, what, where=self.url, why=why)


def _pool(url: str, ca_file: Path | None, address: str | None) -> "urllib3.HTTPConnectionPool":
    import urllib3

    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise RegistryError("refused", "a registry's URL is http(s)://HOST[:PORT]", where=url)
    options: dict[str, Any] = {
        "maxsize": CONNECTIONS,
        "block": True,
        "timeout": urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        # Only what changes nothing is sent again by itself, and only when no answer came.
        "retries": urllib3.Retry(3, connect=1, read=2, other=0, status=0, redirect=0, backoff_factor=0.2),
    }
    host = address or parts.hostname
    if parts.scheme == "http":
        return urllib3.HTTPConnectionPool(host, parts.port, **options)
    try:
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except (OSError, ssl.SSLError) as exc:
        raise RegistryError(
            "tls", "the certificate authority cannot be read", where=str(ca_file), why=str(exc)
        ) from exc
    return urllib3.HTTPSConnectionPool(
        host,
        parts.port,
        ssl_context=context,
        server_hostname=parts.hostname,
        assert_hostname=parts.hostname,
        **options,
    )


def _token(url: str, account: tuple[str, str] | None, pool: "urllib3.HTTPConnectionPool") -> str:
    """A token of the realm the registry names, with the same trust."""
    import urllib3

    headers = {"Authorization": _basic(*account)} if account else {}
    context = getattr(pool, "conn_kw", {}).get("ssl_context")
    options = {"ssl_context": context} if context and url.startswith("https") else {}
    try:
        response = urllib3.PoolManager(**options).request("GET", url, headers=headers, timeout=READ_SECONDS)
        data = response.json() if response.status == HTTPStatus.OK else {}
    except (urllib3.exceptions.HTTPError, ValueError) as exc:
        raise RegistryUnavailable(
            "unreachable", "the token service does not answer", where=url, why=str(exc)
        ) from exc
    token = str(data.get("token") or data.get("access_token") or "")
    if not token:
        why = f"the token service answered {response.status}"
        raise RegistryError("unauthorized", "the registry refuses the account", where=url, why=why)
    return token


def _basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def _relative(location: str) -> str:
    """Path and query of a path or of an absolute Location."""
    parts = urlsplit(location)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _repository(path: str) -> str:
    found = re.match(r"/v2/(.+?)/(?:manifests|blobs|tags)/", path)
    return found[1] if found else ""
