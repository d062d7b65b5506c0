"""Whoever reaches the operator's port gets figures and nothing else: no memory, no threads, no probe's place."""

import contextlib
import http.client
import os
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slipway import catalog
from slipway.operator import web
from slipway.operator.web import HTTPPages, kept_page, probe_page
from tests.charts import rendered


@pytest.fixture
def pages() -> Iterator[HTTPPages]:
    def broken() -> web.Page:
        raise RuntimeError("a figure without a value")

    served = {
        "/healthz": probe_page(str),
        "/large": lambda: (200, web.PLAIN, b"x" * (8 << 20)),
        "/broken": broken,
    }
    with HTTPPages("127.0.0.1", 0, served) as made:
        yield made


def answer(pages: HTTPPages, path: str = "/healthz", method: str = "GET") -> tuple[int, bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{pages.port}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - loopback
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def connected(pages: HTTPPages) -> socket.socket:
    return socket.create_connection(("127.0.0.1", pages.port), timeout=10)


def closed(one: socket.socket) -> bool:
    """Whether the server has ended it; waits for that."""
    try:
        return one.recv(1) == b""
    except ConnectionError:
        return True


def memory() -> int:
    """Resident size of this process in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20


def test_pages_are_what_they_are(pages: HTTPPages) -> None:
    assert answer(pages) == (200, b"ok")
    assert answer(pages, "/healthz?verbose") == (200, b"ok")
    assert answer(pages, "/other")[0] == 404
    assert answer(pages, method="POST")[0] == 405
    assert len(answer(pages, "/large")[1]) == 8 << 20
    assert answer(pages, "/broken")[0] == 500
    assert answer(pages) == (200, b"ok")


def test_headers_without_an_end_fill_no_memory(pages: HTTPPages) -> None:
    before = memory()
    with contextlib.ExitStack() as stack:
        ones = [stack.enter_context(connected(pages)) for _ in range(60)]
        for one in ones:
            with contextlib.suppress(ConnectionError):
                one.sendall(b"GET /healthz HTTP/1.1\r\n")
                for number in range(20):
                    one.sendall(b"X-%02d: " % number + b"a" * 60000 + b"\r\n")
        assert answer(pages) == (200, b"ok")
        assert memory() - before < 20
        assert len(pages._visitors) <= web.MOST


def test_who_says_nothing_keeps_no_probe_out(pages: HTTPPages) -> None:
    threads = threading.active_count()
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(connected(pages)) for _ in range(3 * web.MOST)]
        for _ in range(5):
            assert answer(pages) == (200, b"ok")
        assert threading.active_count() == threads
        assert all(closed(one) for one in silent[: web.MOST])


def test_a_crowd_that_asks_all_the_time_keeps_no_probe_out() -> None:
    """A kubelet waits for a second; figures cost some milliseconds, once."""
    made = []

    def figures() -> web.Page:
        made.append(time.monotonic())
        time.sleep(0.02)
        return 200, web.PLAIN, b"x" * 20_000

    over = threading.Event()
    with HTTPPages("127.0.0.1", 0, {"/healthz": probe_page(str), "/metrics": kept_page(figures)}) as pages:

        def ask() -> None:
            while not over.is_set():
                with contextlib.suppress(OSError, http.client.HTTPException):
                    answer(pages, "/metrics")

        crowd = [threading.Thread(target=ask) for _ in range(8)]
        for one in crowd:
            one.start()
        try:
            began = time.monotonic()
            assert [answer(pages) for _ in range(20)] == [(200, b"ok")] * 20
            assert len(made) <= 2 + (time.monotonic() - began) / web.FRESH
        finally:
            over.set()
            for one in crowd:
                one.join()


def test_a_byte_now_and_then_keeps_no_connection(pages: HTTPPages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "SECONDS", 1.0)
    with connected(pages) as one:
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while pages._visitors or time.monotonic() - began < 0.5:
                assert time.monotonic() - began < 30
                one.sendall(b"a")
                time.sleep(0.1)
        assert closed(one)


def test_who_reads_nothing_keeps_no_connection(pages: HTTPPages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "SECONDS", 1.0)
    with connected(pages) as one:
        one.sendall(b"GET /large HTTP/1.1\r\n\r\n")
        began = time.monotonic()
        while pages._visitors or time.monotonic() - began < 0.5:
            assert time.monotonic() - began < 30
            time.sleep(0.1)
        assert answer(pages) == (200, b"ok")


def test_it_listens_where_it_is_told() -> None:
    with HTTPPages("127.0.0.2", 0, {"/healthz": probe_page(str)}) as pages:
        with socket.create_connection(("127.0.0.2", pages.port)):
            pass
        with pytest.raises(ConnectionError):
            socket.create_connection(("127.0.0.1", pages.port))


@pytest.mark.parametrize(
    ("listen", "where", "probed", "scraped"),
    [
        ("node", {"valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}, None, "true"),
        ("all", {"value": "0.0.0.0"}, None, "true"),  # noqa: S104
        ("loopback", {"value": "127.0.0.1"}, "127.0.0.1", None),
    ],
)
def test_a_setting_chooses_where_it_listens(
    listen: str, where: dict[str, Any], probed: str | None, scraped: str | None
) -> None:
    """The kubelet asks there too; the pod's memory has an end in any case."""
    shipped = catalog.load()
    made = rendered(shipped, shipped.modules["operator"], {"listen": listen, "memoryLimit": "900Mi"})
    [template] = [one["spec"]["template"] for one in made if one["kind"] == "Deployment"]
    [container] = template["spec"]["containers"]
    [address] = [one for one in container["env"] if one["name"] == "SLIPWAY_OPERATOR_ADDRESS"]
    assert address == {"name": "SLIPWAY_OPERATOR_ADDRESS", **where}
    kinds = ("startupProbe", "livenessProbe", "readinessProbe")
    assert [container[kind]["httpGet"].get("host") for kind in kinds] == [probed] * 3
    assert template["metadata"]["annotations"].get("prometheus.io/scrape") == scraped
    assert container["resources"] == {
        "requests": {"cpu": "50m", "memory": "224Mi"},
        "limits": {"memory": "900Mi"},
    }
