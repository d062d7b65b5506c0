"""Registries of the Internet by the names of their images: where each is, and who asks."""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from slipway.bundle.registry.accounts import Accounts, DockerAccounts, docker_config
from slipway.bundle.registry.client import RegistryClient
from slipway.errors import BundleError

#: Where Docker Hub's images are served, whose names say docker.io, and its name among accounts.
HUB: Final = ("docker.io", "https://registry-1.docker.io", "https://index.docker.io/v1/")
_REFERENCE: Final = re.compile(
    r"(?P<host>[^/:]+[.:][^/]*|localhost)/(?P<path>[a-z0-9._/-]+)"
    r"(?::(?P<tag>[\w.-]{1,128})|@(?P<digest>sha256:[0-9a-f]{64}))"
)


@dataclass(frozen=True, slots=True)
class UpstreamImage:
    """An image at its source: a client of its registry, its repository there, its tag or digest."""

    client: RegistryClient
    repository: str
    tag: str


@dataclass(slots=True)
class Upstreams:
    """Clients by registry, each made once. `urls`: where else a registry's images are (a mirror, another port).

    A path of such a URL stands before the names there, as a project of a proxy does.
    """

    urls: Mapping[str, str] = field(default_factory=dict)
    ca_file: Path | None = None
    accounts: Accounts | None = None
    """None: Docker's, which are read when the first registry is asked."""
    pauses: tuple[float, ...] | None = None
    _clients: dict[str, RegistryClient] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def place(self, reference: str) -> UpstreamImage:
        """Of a full name with a tag or a digest.

        Raises:
            BundleError: it is none.
        """
        found = _REFERENCE.fullmatch(reference)
        if not found:
            hint = "write it in full: docker.io/library/busybox:1.37"
            raise BundleError(f"{reference!r} is no full name of an image with a tag", hint=hint)
        with self._lock:
            host = found["host"]
            if host not in self._clients:
                self._clients[host] = self._client(host)
            return UpstreamImage(self._clients[host], found["path"], found["tag"] or found["digest"])

    def _client(self, host: str) -> RegistryClient:
        name, hub, hub_account = HUB
        parts = urlsplit(self.urls.get(host) or (hub if host == name else f"https://{host}"))
        # A mirror is told its own account, and never that of the registry for which it stands.
        account = parts.netloc if host in self.urls else hub_account if host == name else host
        if self.accounts is None:
            self.accounts = DockerAccounts.read(docker_config())
        user, password = self.accounts.get(account, ("", ""))
        options: dict[str, Any] = {} if self.pauses is None else {"pauses": self.pauses}
        url, project = f"{parts.scheme}://{parts.netloc}", parts.path.strip("/")
        return RegistryClient(url, self.ca_file, user, password, outside=True, project=project, **options)
