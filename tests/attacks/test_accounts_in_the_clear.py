"""No account goes over the network in the clear: a registry that names such a token service, or leads there, gets none.

All on this machine; what is refused is refused before anybody is asked.
"""

import http.server
import importlib
import socket
import urllib.parse
from collections.abc import Iterator
from typing import Any

import ansible.module_utils
import pytest

from slipway.bundle.registry.client import RegistryClient
from slipway.bundle.registry.refusals import RegistryError
from slipway.bundle.registry.secrecy import is_private
from slipway.settings import data_dir
from tests.serving import serving

ansible.module_utils.__path__.append(str(data_dir() / "plugins/module_utils"))
hosts: Any = importlib.import_module("ansible.module_utils.slipway_registry")

#: By a name that is none of loopback's; it leads nowhere but to this machine, where nobody listens.
ELSEWHERE = f"http://{socket.gethostname()}:9"


class Registry(http.server.BaseHTTPRequestHandler):
    """Wants a token of a service elsewhere."""

    def do_GET(self) -> None:
        self.send_response(401)
        self.send_header("WWW-Authenticate", f'Bearer realm="{ELSEWHERE}/token",service="x"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def registry() -> Iterator[str]:
    with serving(Registry) as url:
        yield url


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("https://registry.example.org:5000", True),
        ("http://127.0.0.1:5000", True),
        ("http://[::1]:5000", True),
        ("http://localhost:5000", True),
        ("http://registry.example.org", False),
        ("http://10.0.0.1:5000", False),
        ("http://127.0.0.1.example.org", False),
        ("https://me:secret@registry.example.org", False),
        ("ftp://registry.example.org", False),
        ("http://[", False),
        ("", False),
    ],
)
def test_one_rule_for_every_url(url: str, private: bool) -> None:
    assert is_private(url) == private


def test_an_account_is_not_even_taken_for_a_registry_without_tls() -> None:
    with pytest.raises(RegistryError, match="without TLS"):
        RegistryClient(ELSEWHERE, None, "push", "PushSecret")
    RegistryClient(ELSEWHERE).close()


@pytest.mark.parametrize("outside", [False, True])
@pytest.mark.parametrize("user", ["push", "<token>"])
def test_a_token_service_in_the_clear_gets_no_account(registry: str, user: str, outside: bool) -> None:
    client = RegistryClient(registry, None, user, "PushSecret", outside=outside)
    with pytest.raises(RegistryError, match="without TLS") as caught:
        client.ping()
    assert caught.value.where == f"{ELSEWHERE}/token"


def test_hosts_follow_the_same_rule(registry: str) -> None:
    client = hosts.Registry(registry, credentials="pull:HostSecret")
    with pytest.raises(hosts.HostError, match="without TLS"):
        client.get(f"{registry}/v2/")
    assert hosts.authority("https://registry:5000/v2/x") != hosts.authority("http://registry:5000/x")
    for url, private in ((ELSEWHERE, False), (registry, True), ("https://registry:5000", True)):
        assert hosts.private(urllib.parse.urlsplit(url)) == private
