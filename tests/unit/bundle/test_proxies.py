"""NO_PROXY: the table was run through Go's net/http (1.26) and curl (7.88) as well; `by` says who goes directly."""

import pytest

from slipway.bundle.registry.proxies import https_proxy, passes_by

#: (NO_PROXY, host, port, who reaches it without a proxy).
DIRECT = [
    ("10.0.0.0/8", "10.1.2.3", 443, "both"),
    ("192.168.0.0/16, 10.0.0.0/8", "10.1.2.3", 443, "both"),
    ("10.1.2.3", "10.1.2.3", 443, "both"),
    ("example.org", "example.org", 443, "both"),
    ("example.org", "a.b.example.org", 443, "both"),
    ("EXAMPLE.org", "a.Example.ORG", 443, "both"),
    (".example.org", "a.example.org", 443, "both"),
    (".example.org", "example.org", 443, "curl"),
    ("*.example.org", "a.example.org", 443, "Go"),
    ("example.org:8443", "example.org", 8443, "Go"),
    ("10.1.2.3:8443", "10.1.2.3", 8443, "Go"),
    ("other.org example.org", "example.org", 443, "curl"),
    ("*", "example.org", 443, "both"),
    ("fd00::/8", "[fd00::1]", 443, "Go"),
]
#: (NO_PROXY, host, port) for which both ask the proxy.
BY_PROXY = [
    ("", "example.org", 443),
    ("10.0.0.0/8", "11.1.2.3", 443),
    ("10.0.0.0/8", "a10.0.0.0", 443),
    ("10.1.2", "10.1.2.3", 443),
    ("10.1.2.30", "10.1.2.3", 443),
    ("example.org", "notexample.org", 443),
    ("example.org", "example.org.evil.net", 443),
    ("example.org:8443", "example.org", 443),
    ("a/b", "a", 443),
    (",  ,", "example.org", 443),
]


@pytest.mark.parametrize(("without", "host", "port", "by"), DIRECT)
def test_reached_directly(without: str, host: str, port: int, by: str) -> None:
    assert by
    assert passes_by(host, port, without)


@pytest.mark.parametrize(("without", "host", "port"), BY_PROXY)
def test_reached_by_the_proxy(without: str, host: str, port: int) -> None:
    assert not passes_by(host, port, without)


def test_the_environment_as_both_read_it() -> None:
    environment = {"HTTPS_PROXY": "proxy:3128", "NO_PROXY": "10.0.0.0/8,quay.site:8443"}
    assert https_proxy("quay.io", None, environment) == "http://proxy:3128"
    assert https_proxy("10.1.2.3", 5000, environment) == ""
    assert https_proxy("quay.site", 8443, environment) == ""
    assert https_proxy("quay.site", None, environment) == "http://proxy:3128"
    assert https_proxy("quay.io", None, {}) == ""
