"""Servers of files: kept connections to each, with the account that ~/.netrc has for this very host."""

import netrc
import os
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from slipway.bundle.registry import answers, resuming
from slipway.bundle.registry.connection import Connection
from slipway.bundle.registry.patience import PATIENCE
from slipway.bundle.registry.refusals import SERVER, RegistryError, RegistryUnavailable
from slipway.bundle.registry.secrecy import is_private
from slipway.errors import BundleError

#: Bytes of an index or a page of digests; the largest public indexes of charts have some twenty million.
LONGEST_PAGE: Final = 100 << 20


@dataclass(slots=True)
class Web:
    """May be used from several threads. `accounts`: user and password by host; None: those of ~/.netrc."""

    ca_file: Path | None = None
    accounts: Mapping[str, tuple[str, str]] | None = None
    pauses: tuple[float, ...] = PATIENCE
    _connections: dict[str, Connection] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def size(self, url: str) -> int:
        """Bytes of a file; 0 where the server does not say before it sends it."""
        try:
            with self._connection(url).open("HEAD", url, headers={"Accept-Encoding": "identity"}) as response:
                text = response.headers.get("Content-Length", "")
                return int(text) if re.fullmatch("[0-9]{1,18}", text) else 0
        except RegistryUnavailable:
            raise
        except RegistryError:
            # Some serve files and refuse this question; what they truly refuse they say when the file is asked for.
            return 0

    def read(self, url: str) -> bytes:
        """A page.

        Raises:
            BundleError: it is not served, or too long for one.
        """
        with self._connection(url).open("GET", url) as response:
            return answers.whole(response, url, LONGEST_PAGE)

    def fetch(self, url: str, target: Path, digest: str, arrived: Callable[[int], None]) -> str:
        """As resuming.download."""
        return resuming.download(self._connection(url), url, target, digest, arrived, by_name=True)

    def _connection(self, url: str) -> Connection:
        if not is_private(url):
            hint = "https://..., without an account in it; http:// to this machine alone"
            raise BundleError("from this URL nothing is fetched", where=url, hint=hint)
        parts = urlsplit(url)
        place = f"{parts.scheme}://{parts.netloc}"
        with self._lock:
            if place not in self._connections:
                if self.accounts is None:
                    self.accounts = netrc_accounts(netrc_file())
                user, password = self.accounts.get(parts.hostname or "", ("", ""))
                self._connections[place] = Connection(
                    place, self.ca_file, user, password, pauses=self.pauses, outside=True, peer=SERVER
                )
            return self._connections[place]


def netrc_file() -> Path:
    """The file of accounts, as curl and others have it."""
    named = os.environ.get("NETRC")
    return Path(named) if named else Path.home() / ".netrc"


def netrc_accounts(file: Path) -> dict[str, tuple[str, str]]:
    """User and password by host; none where there is no file. An account for any host (`default`) is told to none.

    Raises:
        BundleError: the file is damaged.
    """
    try:
        hosts = netrc.netrc(file).hosts
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, netrc.NetrcParseError) as exc:
        raise BundleError("the accounts of servers cannot be read", where=str(file), why=str(exc)) from exc
    return {host: (user, password or "") for host, (user, _, password) in hosts.items() if host != "default"}
