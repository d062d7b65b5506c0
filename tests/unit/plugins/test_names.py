"""The resolver's settings, as texts: what is ours in them, and what stays of the host's own."""

import importlib
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

import ansible.module_utils
import pytest

from slipway.settings import data_dir

ansible.module_utils.__path__.append(str(data_dir() / "plugins/module_utils"))
importlib.import_module("ansible.module_utils.slipway_before")
spec = spec_from_file_location("slipway_names", data_dir() / "plugins/modules/slipway_names.py")
assert spec is not None
assert spec.loader is not None
names: Any = module_from_spec(spec)
spec.loader.exec_module(names)

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
    wanted = {"servers": servers, "search": search}
    assert names.drop_in(wanted) == f"[Resolve]\n{resolved}"
    assert names.plain(wanted, OWN) == plain
    assert names.plain(wanted, plain) == plain


def test_nothing_wanted_writes_no_resolver() -> None:
    texts = names.wanted({"hostname": "a", "entries": [], "servers": [], "search": []})
    assert set(texts) == {"/etc/hostname", "/etc/hosts"}
