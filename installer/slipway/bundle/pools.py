"""Connection pools of a registry: its trust, its address, the proxy that leads to it, and tokens of its own service."""

import base64
import ssl
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from slipway.bundle.refusals import RegistryError, RegistryUnavailable

if TYPE_CHECKING:
    import urllib3

#: Seconds: a registry on the site's own network that takes longer to accept a connection is not there.
CONNECT_SECONDS = 5
#: Seconds without a byte before a transfer is given up.
READ_SECONDS = 60
#: Connections kept; more threads than this wait for one.
CONNECTIONS = 16
#: Bytes that are handed to the socket at once.
CHUNK = 1 << 20


def pool(
    url: str, ca_file: Path | None, address: str | None, *, outside: bool
) -> "urllib3.HTTPConnectionPool":
    """Kept connections to a registry. `outside`: by the proxy that the environment names, if it names one.

    Raises:
        RegistryError: the URL or the authority cannot be used.
    """
    import urllib3

    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise RegistryError("refused", "a registry's URL is http(s)://HOST[:PORT]", where=url)
    options: dict[str, Any] = {
        "maxsize": CONNECTIONS,
        "block": True,
        "timeout": urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        "retries": False,
        "blocksize": CHUNK,
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
    proxy = _proxy(parts.hostname) if outside else ""
    if proxy:
        manager = urllib3.ProxyManager(proxy, ssl_context=context, **options)
        return manager.connection_from_host(parts.hostname, parts.port, "https")
    return urllib3.HTTPSConnectionPool(
        host,
        parts.port,
        ssl_context=context,
        server_hostname=parts.hostname,
        assert_hostname=parts.hostname,
        **options,
    )


def _proxy(host: str) -> str:
    """The way out of a company's network, as HTTPS_PROXY and NO_PROXY have it; a site's own registry needs none."""
    return "" if proxy_bypass(host) else getproxies().get("https", "")


def manager_for(
    connections: "urllib3.HTTPConnectionPool", url: str, *, outside: bool
) -> "urllib3.PoolManager":
    """For a URL of another server that a registry names: with the registry's trust, by the same way out."""
    import urllib3

    context = getattr(connections, "conn_kw", {}).get("ssl_context")
    options = {"ssl_context": context} if context and url.startswith("https") else {}
    proxy = _proxy(urlsplit(url).hostname or "") if outside and url.startswith("https") else ""
    return urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)


def token_of(
    url: str, account: tuple[str, str] | None, connections: "urllib3.HTTPConnectionPool", *, outside: bool
) -> str:
    """A token of the realm the registry names, with the same trust.

    Raises:
        RegistryError: it gives none.
    """
    import urllib3

    headers = {"Authorization": basic(*account)} if account else {}
    manager = manager_for(connections, url, outside=outside)
    try:
        response = manager.request("GET", url, headers=headers, timeout=READ_SECONDS)
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


def basic(username: str, password: str) -> str:
    """An account as a header's value."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
