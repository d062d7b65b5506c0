"""Files of public servers: fetched by their sha256, resumed in the middle, and refused where something is wrong."""

import gzip
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.bundle.locks.downloading import PARALLEL, Ways, fetched_places
from slipway.bundle.locks.downloads import Download, DownloadKind
from slipway.bundle.registry import pools, web
from slipway.bundle.registry.refusals import RegistryError, RegistryUnavailable
from slipway.bundle.registry.upstream import Upstreams
from slipway.bundle.registry.web import Web
from slipway.errors import BundleError
from tests.contract.bundle.conftest import Disk
from tests.faulty import Fault
from tests.fileservers import FileServer, Stall, file_server
from tests.registries import server_tls
from tests.upstreams import tunnel

SIZE = 3 << 20
CONTENT = random.Random(7).randbytes(SIZE)  # noqa: S311 - contents, not secrets
PATH = "/v1/tool"
ALWAYS = 1000


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server() as running:
        running.put(PATH, CONTENT)
        yield running


@pytest.fixture
def other() -> Iterator[FileServer]:
    with file_server() as running:
        yield running


def tool(server: FileServer, path: str = PATH, sha256: str = "") -> Download:
    url, right = server.put(path, server.files.get(path, CONTENT))
    kind, source = DownloadKind.BINARY, f"{server.url}/sums"
    return Download(kind, "tool", "v1", url, sha256 or right, source)


def fetched(
    tmp_path: Path, *items: Download, accounts: dict[str, tuple[str, str]] | None = None
) -> list[Path]:
    ways = Ways(Web(accounts=accounts or {}, pauses=(0.0, 0.01, 0.02)), Upstreams(accounts={}))
    found = fetched_places(items, tmp_path / "cache", ways, lambda _tally: None)
    return [found[item] for item in items]


def drafts(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "cache").rglob(".*.part*") if path.is_file()]


def test_what_is_there_is_not_fetched_again(tmp_path: Path, server: FileServer) -> None:
    [path] = fetched(tmp_path, tool(server))
    assert path.read_bytes() == CONTENT
    assert server.sent() == SIZE
    assert fetched(tmp_path, tool(server)) == [path]
    assert server.sent() == SIZE
    # Damaged in the cache, it is fetched once more.
    path.write_bytes(CONTENT[:-1])
    fetched(tmp_path, tool(server))
    assert (path.read_bytes() == CONTENT, server.sent()) == (True, 2 * SIZE)


def test_a_connection_that_closes_in_the_middle_costs_no_byte_twice(
    tmp_path: Path, server: FileServer
) -> None:
    cut = SIZE // 3
    server.faults.append(Fault("GET", PATH, cut_after=cut, times=2))
    [path] = fetched(tmp_path, tool(server))
    assert path.read_bytes() == CONTENT
    assert server.sent() == SIZE
    assert [request.sent for request in server.asked()] == [cut, cut, SIZE - 2 * cut]
    assert [request.headers.get("Range") for request in server.asked()] == [
        None,
        f"bytes={cut}-",
        f"bytes={2 * cut}-",
    ]
    assert server.asked()[1].headers["If-Range"].startswith('"')
    assert drafts(tmp_path) == []


def test_a_server_that_knows_no_ranges_sends_all_of_it(tmp_path: Path, server: FileServer) -> None:
    server.ranges = False
    server.faults.append(Fault("GET", PATH, cut_after=SIZE // 2))
    [path] = fetched(tmp_path, tool(server))
    assert path.read_bytes() == CONTENT
    assert server.sent() == SIZE // 2 + SIZE


def test_a_file_that_became_another_is_not_mixed_with_what_had_arrived(
    tmp_path: Path, server: FileServer
) -> None:
    """The lock has what is served now; the beginning is of what was served before."""
    new = random.Random(8).randbytes(SIZE)  # noqa: S311 - contents, not secrets
    server.put("/other", new)
    wanted = tool(server, sha256=tool(server, "/other").sha256)
    server.faults.append(Fault("GET", PATH, cut_after=SIZE // 2))
    server.faults.append(Fault("GET", PATH, 403))
    with pytest.raises(RegistryError):
        fetched(tmp_path, wanted)
    assert [path.stat().st_size for path in drafts(tmp_path) if path.suffix == ".part"] == [SIZE // 2]
    server.put(PATH, new)
    [path] = fetched(tmp_path, wanted)
    assert path.read_bytes() == new


def test_several_come_at_a_time(tmp_path: Path, server: FileServer) -> None:
    server.together = threading.Barrier(PARALLEL)
    paths = [f"/{number}" for number in range(PARALLEL)]
    for path in paths:
        server.put(path, path.encode())
    found = fetched(tmp_path, *(tool(server, path) for path in paths))
    assert [path.read_bytes().decode() for path in found] == paths


def test_what_no_server_announces_comes_too(tmp_path: Path, server: FileServer) -> None:
    """Some answer nothing but GET."""
    server.faults.append(Fault("HEAD", PATH, 403))
    told: list[str] = []
    through = Ways(Web(accounts={}, pauses=(0.0,)), Upstreams(accounts={}))
    fetched_places([tool(server)], tmp_path, through, lambda tally: told.append(str(tally)))
    assert told[-1].startswith("3 of 3 MiB")


def test_bytes_that_come_again_are_told_as_such(tmp_path: Path, server: FileServer) -> None:
    server.ranges = False
    server.faults.append(Fault("GET", PATH, cut_after=SIZE // 2))
    told: list[tuple[int, int]] = []
    through = Ways(Web(accounts={}, pauses=(0.0,)), Upstreams(accounts={}))
    fetched_places([tool(server)], tmp_path, through, lambda tally: told.append((tally.done, tally.total)))
    assert all(done <= total for done, total in told)
    assert told[-1] == (SIZE // 2 + SIZE, SIZE // 2 + SIZE)


def test_a_server_that_falls_silent_is_not_waited_for_without_end(
    tmp_path: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "READ_SECONDS", 0.5)
    server.faults.append(Stall("GET", PATH, cut_after=SIZE // 2))
    [path] = fetched(tmp_path, tool(server))
    assert path.read_bytes() == CONTENT
    assert [request.sent for request in server.asked()] == [SIZE // 2, SIZE - SIZE // 2]


def test_other_contents_are_deleted_and_said(tmp_path: Path, server: FileServer) -> None:
    wanted = tool(server, sha256="0" * 64)
    with pytest.raises(
        RegistryError, match="binary/tool:v1 cannot be fetched: it has other contents"
    ) as caught:
        fetched(tmp_path, wanted)
    assert caught.value.code == "digest"
    assert caught.value.where == f"{server.url}{PATH}"
    assert "0" * 64 in caught.value.why
    assert tool(server).sha256 in caught.value.why
    assert wanted.source in caught.value.why
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.stat().st_size] == []


KILLED = """
import sys, json
from pathlib import Path
from slipway.bundle.locks.downloading import PARALLEL, Ways, fetched_places
from slipway.bundle.locks.downloads import Download, DownloadKind
from slipway.bundle.registry.upstream import Upstreams
from slipway.bundle.registry.web import Web
cache, *fields = sys.argv[1:]
item = Download(DownloadKind.BINARY, *fields)
ways = Ways(Web(accounts={}), Upstreams(accounts={}))
fetched_places([item], Path(cache), ways, lambda tally: (print(tally.done, flush=True), sys.stdin.readline()))
"""


def test_killed_it_goes_on_in_the_middle_of_a_file(tmp_path: Path, server: FileServer) -> None:
    """The process waits after each piece, and is killed after the first."""
    wanted = tool(server)
    arguments = [
        str(tmp_path / "cache"),
        wanted.name,
        wanted.version,
        wanted.url,
        wanted.sha256,
        wanted.source,
    ]
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert int(process.stdout.readline()) > 0
    process.send_signal(signal.SIGKILL)
    process.communicate()
    [there] = [path.stat().st_size for path in drafts(tmp_path) if path.suffix == ".part"]
    assert there > 0
    fetched(tmp_path, wanted)
    last = server.asked()[-1]
    assert last.headers["Range"] == f"bytes={there}-"
    assert last.sent == SIZE - there


@pytest.mark.parametrize("status", [429, 500, 502, 503])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_failure_that_passes_is_got_over(
    tmp_path: Path, server: FileServer, method: str, status: int
) -> None:
    """Even where it is the very first answer."""
    server.faults.append(Fault(method, PATH, status, {"Retry-After": "0"}, times=3))
    [path] = fetched(tmp_path, tool(server))
    assert path.read_bytes() == CONTENT
    assert len(server.asked(method=method)) == 4


def test_a_pause_that_is_asked_for_is_made_and_a_long_one_is_said(tmp_path: Path, server: FileServer) -> None:
    server.faults.append(Fault("GET", PATH, 429, {"Retry-After": "3600"}, "slow down", times=ALWAYS))
    with pytest.raises(RegistryUnavailable, match="the server is overloaded") as caught:
        fetched(tmp_path, tool(server))
    assert caught.value.pause == 3600
    assert "slow down" in caught.value.why
    assert len(server.asked()) == 1


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [
        (401, "unauthorized", "netrc"),
        (403, "denied", "netrc"),
        (404, "not-found", "correct its URL"),
        (410, "not-found", "correct its URL"),
        (418, "refused", ""),
    ],
)
def test_a_refusal_is_no_matter_of_patience(
    tmp_path: Path, server: FileServer, status: int, code: str, hint: str
) -> None:
    server.faults += [Fault(method, PATH, status, times=ALWAYS) for method in ("HEAD", "GET")]
    with pytest.raises(RegistryError, match="binary/tool:v1 cannot be fetched: the server") as caught:
        fetched(tmp_path, tool(server))
    assert (caught.value.code, caught.value.where) == (code, f"{server.url}{PATH}")
    assert hint in caught.value.hint
    assert "registry" not in str(caught.value)
    assert len(server.asked()) == 1


def test_a_server_that_is_not_there_is_said(tmp_path: Path, server: FileServer) -> None:
    with file_server() as gone:
        wanted = tool(gone)
    with pytest.raises(RegistryUnavailable, match="the server does not answer"):
        fetched(tmp_path, tool(server), wanted)


def test_packed_contents_stay_packed(tmp_path: Path, server: FileServer) -> None:
    """Some servers call a .tgz an encoding; its sha256 is of what is on their disk."""
    server.put("/chart.tgz", gzip.compress(CONTENT))
    server.headers = {"Content-Encoding": "gzip"}
    [path] = fetched(tmp_path, tool(server, "/chart.tgz"))
    assert path.read_bytes() == server.files["/chart.tgz"]


def test_an_account_is_told_to_its_own_host_and_not_to_where_that_leads(
    tmp_path: Path, server: FileServer, other: FileServer
) -> None:
    """Both are this machine: another port is another server."""
    (tmp_path / "netrc").write_text(
        "machine 127.0.0.1 login ops password secret\ndefault login x password y\n"
    )
    server.account = ("ops", "secret")
    other.put("/signed", CONTENT)
    server.faults.append(Fault("GET", "/first", 302, {"Location": "/second"}))
    server.faults.append(Fault("GET", "/second", 302, {"Location": f"{other.url}/signed"}, times=ALWAYS))
    first = tool(server, "/first")
    [path] = fetched(tmp_path, first, accounts=web.netrc_accounts(tmp_path / "netrc"))
    assert path.read_bytes() == CONTENT
    assert [request.path for request in server.asked()] == ["/first", "/second"]
    assert all("Authorization" in request.headers for request in server.asked())
    assert [request.path for request in other.asked()] == ["/signed"]
    assert "Authorization" not in other.asked()[0].headers


def test_an_account_is_not_told_to_other_hosts_nor_to_a_token_service(
    tmp_path: Path, server: FileServer, other: FileServer
) -> None:
    (tmp_path / "netrc").write_text(
        "machine localhost login ops password secret\ndefault login x password y\n"
    )
    accounts = web.netrc_accounts(tmp_path / "netrc")
    assert accounts == {"localhost": ("ops", "secret")}
    fetched(tmp_path, tool(server), accounts=accounts)
    assert all("Authorization" not in request.headers for request in server.seen)
    realm = {"WWW-Authenticate": f'Bearer realm="{other.url}/token",service="x"'}
    server.faults += [Fault(method, "/private", 401, realm, times=ALWAYS) for method in ("GET", "HEAD")]
    with pytest.raises(RegistryError) as caught:
        fetched(tmp_path, tool(server, "/private", "1" * 64), accounts={"127.0.0.1": ("ops", "secret")})
    assert caught.value.code == "unauthorized"
    assert other.seen == []


def test_accounts_are_those_of_netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert web.netrc_accounts(web.netrc_file()) == {}
    (tmp_path / ".netrc").write_text("machine files.example.org login ops password secret\n")
    assert web.netrc_accounts(web.netrc_file()) == {"files.example.org": ("ops", "secret")}
    (tmp_path / "other").write_text("mashine files.example.org\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "other"))
    with pytest.raises(BundleError, match="accounts of servers cannot be read"):
        web.netrc_accounts(web.netrc_file())


def test_an_authority_of_ones_own_is_given_by_the_environment_and_nothing_leads_to_plain_http(
    tmp_path: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca, tls = server_tls(tmp_path / "keys", "localhost")
    with file_server(tls) as secure:
        secure.put(PATH, CONTENT)
        with pytest.raises(RegistryError) as caught:
            fetched(tmp_path, tool(secure))
        assert (caught.value.code, "SSL_CERT_FILE" in caught.value.hint) == ("tls", True)
        monkeypatch.setenv("SSL_CERT_FILE", str(ca))
        [path] = fetched(tmp_path, tool(secure))
        assert path.read_bytes() == CONTENT
        there = {"Location": f"{server.url}{PATH}"}
        secure.faults += [Fault(method, "/down", 302, there, times=ALWAYS) for method in ("GET", "HEAD")]
        with pytest.raises(RegistryError, match="where nothing is encrypted"):
            fetched(tmp_path, tool(secure, "/down", "4" * 64))
        assert server.seen == []
        with tunnel() as (proxy, asked):
            monkeypatch.setenv("HTTPS_PROXY", proxy)
            secure.put("/far", CONTENT[1:])
            fetched(tmp_path, tool(secure, "/far"))
            assert set(asked) == {secure.url.removeprefix("https://")}


def test_redirects_end(tmp_path: Path, server: FileServer) -> None:
    server.faults += [
        Fault(method, "/round", 302, {"Location": "/round"}, times=ALWAYS) for method in ("GET", "HEAD")
    ]
    with pytest.raises(RegistryError, match="sent on too often"):
        fetched(tmp_path, tool(server, "/round"))


def test_a_pause_that_the_place_of_a_redirect_asks_for_is_not_made_in_silence(
    tmp_path: Path, server: FileServer, other: FileServer
) -> None:
    server.faults.append(Fault("GET", PATH, 302, {"Location": f"{other.url}/busy"}, times=ALWAYS))
    other.faults.append(Fault("GET", "/busy", 503, {"Retry-After": "3600"}, times=ALWAYS))
    with pytest.raises(RegistryUnavailable) as caught:
        fetched(tmp_path, tool(server))
    assert caught.value.pause == 3600


def test_a_disk_that_is_too_small_is_said_before_anything_is_fetched(
    tmp_path: Path, server: FileServer, disk: Disk
) -> None:
    with disk(tmp_path / "disk", SIZE) as small, pytest.raises(BundleError, match="bytes are needed"):
        fetched(small, tool(server), tool(server, "/second", "2" * 64))
    assert server.asked() == []


@pytest.mark.parametrize(
    "url", ["http://files.example.org/x", "ftp://files.example.org/x", "https://a:b@c.d/x"]
)
def test_what_is_not_encrypted_or_has_a_password_in_it_is_not_asked_for(tmp_path: Path, url: str) -> None:
    with pytest.raises(BundleError, match="from this URL nothing is fetched"):
        fetched(tmp_path, Download(DownloadKind.BINARY, "tool", "v1", url, "1" * 64, "https://c.d/sums"))
