"""The one rule for a URL that a password or token goes to: encrypted, or this machine's own."""

import ipaddress
from urllib.parse import urlsplit

from slipway.bundle.registry.refusals import RegistryError
from slipway.model.codes import RefusalCode


def is_private(url: str) -> bool:
    """Whether what is sent there is read by nobody on the way: https, or this machine; and it has no password in it."""
    try:
        parts = urlsplit(url)
        right = parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.hostname or ""))
        return right and bool(parts.hostname) and "@" not in parts.netloc and (parts.port or 1) > 0
    except ValueError:
        return False


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refuse_in_clear(url: str) -> None:
    """Raises RegistryError where an account would go over the network for everybody to read."""
    if not is_private(url):
        raise RegistryError(
            RefusalCode.REFUSED,
            "an account is told to nobody without TLS",
            where=url,
            why="the URL has to be https://HOST[:PORT], or one of this machine",
        )
