"""Ways to registries of the Internet: mirrors, proxies, redirects; and none of them to a site's own."""

from pathlib import Path

import pytest

from slipway.bundle.form import layout
from slipway.bundle.form.writer import Writer
from slipway.bundle.locks import images as lock
from slipway.bundle.make.pulling import pull
from slipway.bundle.registry.client import RegistryClient, RegistryError
from slipway.bundle.registry.pools import CONNECTIONS
from slipway.bundle.registry.upstream import Upstreams
from slipway.bundle.verify.checks import damaged_files
from tests.faulty import Fault, Faulty
from tests.registries import running_registry
from tests.upstreams import (
    AMD64,
    DAY,
    IMAGE,
    LAYER,
    Elsewhere,
    digest_of,
    pulled,
    put_index,
    resolved,
    tunnel,
    upstreams,
)


def test_a_mirror_may_have_them_in_a_project(tmp_path: Path, upstream: Faulty) -> None:
    client = upstream.backend.client()
    text = client.get_manifest("group/tool", "v1")[0]
    node = layout.stored_manifest(
        client.get_manifest("group/tool", layout.stored_manifest(text).children[0])[0]
    )
    for digest in node.blobs:
        assert client.mount_blob("proxy/quay/group/tool", digest, "group/tool")
    client.put_manifest("proxy/quay/group/tool", "v1", node.text, node.media_type)
    account = {upstream.host: (upstream.backend.username, upstream.backend.password)}
    mirror = Upstreams({"quay.io": f"{upstream.url}/proxy/quay/"}, accounts=account)
    [entry] = lock.resolve(mirror, IMAGE, AMD64, DAY)
    assert entry.digest == entry.tagged == node.digest
    pull([entry], mirror, Writer(tmp_path / "bundle"), lambda _tally: None)
    assert (tmp_path / "bundle" / layout.blob_path(node.digest)).read_bytes() == node.text


def test_a_proxy_leads_out_and_never_to_the_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        running_registry(tmp_path / "far", tmp_path / "far-data", name="localhost") as registry,
        tunnel() as (url, asked),
    ):
        monkeypatch.setenv("HTTPS_PROXY", url)
        put_index(RegistryClient(registry.url, registry.ca, registry.username, registry.password), "v1")
        assert asked == []
        account = {registry.url.removeprefix("https://"): (registry.username, registry.password)}
        far = Upstreams({"quay.io": registry.url}, registry.ca, account)
        [entry] = lock.resolve(far, IMAGE, AMD64, DAY)
        pull([entry], far, Writer(tmp_path / "bundle"), lambda _tally: None)
        assert set(asked) == {registry.url.removeprefix("https://")}
        monkeypatch.setenv("NO_PROXY", "localhost")
        asked.clear()
        lock.resolve(Upstreams({"quay.io": registry.url}, registry.ca, account), IMAGE, AMD64, DAY)
        assert asked == []


def test_a_download_that_is_elsewhere_is_followed_without_the_account(
    tmp_path: Path, upstream: Faulty, elsewhere: tuple[str, type[Elsewhere]]
) -> None:
    url, handler = elsewhere
    handler.content = bytes([1]) * LAYER
    digest = digest_of(handler.content)
    redirect = Fault("GET", f"/blobs/{digest}", 307, {"Location": f"{url}/a/signed/url"}, times=100)
    upstream.faults.append(redirect)
    [entry] = resolved(upstream)
    pulled(upstream, tmp_path / "bundle", [entry])
    assert damaged_files(tmp_path / "bundle") == []
    assert len(handler.headers_seen) == 1
    assert "Authorization" not in handler.headers_seen[0]
    client = upstreams(upstream).place(IMAGE).client
    for _ in range(2 * CONNECTIONS):  # the first answer of each keeps no connection
        assert client.read_blob("group/tool", digest) == handler.content


def test_a_site_registry_sends_nobody_elsewhere(
    upstream: Faulty, tmp_path: Path, elsewhere: tuple[str, type[Elsewhere]]
) -> None:
    url, handler = elsewhere
    upstream.faults.append(Fault("GET", "/blobs/", 307, {"Location": url}))
    with pytest.raises(RegistryError) as caught:
        upstream.client().get_blob("group/tool", digest_of(b"x"), tmp_path / "target")
    assert caught.value.code == "refused"
    assert handler.headers_seen == []
