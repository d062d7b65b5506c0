"""The resolver's settings, as texts: what is ours in them, and what stays of the host's own."""

import importlib
from typing import Any

import ansible.module_utils
import pytest

from slipway.settings import data_dir

ansible.module_utils.__path__.append(str(data_dir() / "plugins/module_utils"))
resolver: Any = importlib.import_module("ansible.module_utils.slipway_resolver")

OWN = "domain old.example\noptions edns0\nnameserver 192.0.2.1\nsearch old.example\n"


@pytest.mark.parametrize(
    ("servers", "search", "resolved", "plain"),
    [
        (
            ["10.0.0.5", "10.0.0.6"],
            ["site.internal"],
            "DNS=10.0.0.5 10.0.0.6\nDomains=site.internal\n",
            "options edns0\nsearch site.internal\nnameserver 10.0.0.5\nnameserver 10.0.0.6\n",
        ),
        (["10.0.0.5"], [], "DNS=10.0.0.5\n", "options edns0\nnameserver 10.0.0.5\n"),
        (
            [],
            ["site.internal", "lab.internal"],
            "Domains=site.internal lab.internal\n",
            "options edns0\nnameserver 192.0.2.1\nsearch site.internal lab.internal\n",
        ),
    ],
    ids=["both", "servers alone", "search alone"],
)
def test_what_is_written_of_servers_and_search_domains(
    servers: list[str], search: list[str], resolved: str, plain: str
) -> None:
    assert resolver.for_resolved(servers, search) == f"[Resolve]\n{resolved}"
    assert resolver.plain(servers, search, OWN) == plain
    assert resolver.plain(servers, search, plain) == plain


@pytest.mark.parametrize(
    ("search", "lines"),
    [(["a.internal", "b.internal"], "searches=a.internal,b.internal\n"), ([], "")],
    ids=["both", "servers alone"],
)
def test_what_network_manager_is_told(search: list[str], lines: str) -> None:
    text = f"[global-dns]\n{lines}[global-dns-domain-*]\nservers=10.0.0.5,10.0.0.6\n"
    assert resolver.for_manager(["10.0.0.5", "10.0.0.6"], search) == text


def test_nothing_wanted_writes_no_resolver() -> None:
    assert resolver.wanted([], []) == {}
