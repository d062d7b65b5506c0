"""Connection pools of a registry: its trust, its address, the proxy that leads to it."""

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from slipway.bundle.registry.proxies import https_proxy
from slipway.bundle.registry.refusals import RegistryError
from slipway.model.codes import RefusalCode

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
        raise RegistryError(RefusalCode.REFUSED, "a registry's URL is http(s)://HOST[:PORT]", where=url)
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
            RefusalCode.TLS, "the certificate authority cannot be read", where=str(ca_file), why=str(exc)
        ) from exc
    proxy = https_proxy(parts.hostname, parts.port) if outside else ""
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


def manager_for(
    connections: "urllib3.HTTPConnectionPool", url: str, *, outside: bool
) -> "urllib3.PoolManager":
    """For a URL of another server that a registry names: with the registry's trust, by the same way out."""
    import urllib3

    context = getattr(connections, "conn_kw", {}).get("ssl_context")
    options = {"ssl_context": context} if context and url.startswith("https") else {}
    parts = urlsplit(url)
    proxy = https_proxy(parts.hostname or "", parts.port) if outside and parts.scheme == "https" else ""
    return urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)
