"""The one rule for a URL that a password or token goes to: encrypted, or this machine's own."""

import ipaddress
from urllib.parse import urlsplit

from slipway.bundle.registry.refusals import RegistryError
from slipway.model.codes import RefusalCode


def is_private(url: str) -> bool:
    """Whether what is sent there is read by nobody on the way: https, or loopback; and the URL itself has no secret."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if "@" in parts.netloc or not host:
            return False
        return parts.scheme == "https" or host == "localhost" or ipaddress.ip_address(host).is_loopback
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
