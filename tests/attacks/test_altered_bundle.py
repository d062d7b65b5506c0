"""What was signed is what is used: a bundle that somebody altered on its way is told, by every way of altering it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from slipway.bundle.carry.exporting import headers_of, write_volume
from slipway.bundle.carry.importing import import_files
from slipway.bundle.carry.volumes import Header, Span
from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.layout import (
    LAYOUT,
    NAMED,
    VERSION,
    manifest_reader,
    named_index,
    stored_manifest,
)
from slipway.bundle.registry.client import RegistryClient
from slipway.bundle.site.push import push
from slipway.bundle.site.source import DirectorySource, RegistrySource, bundle_of
from slipway.bundle.site.stock import DirectoryStock, RegistryStock
from slipway.bundle.verify.checks import damaged_files, unlisted_files
from slipway.bundle.verify.signing import check_signature, keygen, sign
from slipway.digests import digest_of
from slipway.errors import BundleError
from slipway.model.bundle import ArtifactKind
from tests.bundles import small_bundle
from tests.registries import running_registry

EVIL = b"#!/bin/sh\necho somebody else was here\n"


@pytest.fixture
def key(tmp_path: Path) -> str:
    return keygen(tmp_path / "key", "test")


@pytest.fixture
def bundle(tmp_path: Path, key: str) -> Path:
    """Signed, and right."""
    directory = tmp_path / "bundle"
    images = [a for a in small_bundle(directory).artifacts if a.kind is ArtifactKind.IMAGE]
    read = manifest_reader(directory)
    index = named_index((i.reference, i.platform, stored_manifest(read(i.digest))) for i in images)
    (directory / LAYOUT / "index.json").write_text(json.dumps(index))
    (directory / LAYOUT / "oci-layout").write_text(json.dumps(dict(VERSION)))
    sign(directory, tmp_path / "key", serial=1)
    assert damaged_files(directory) == unlisted_files(directory, manifests.read(directory)) == []
    return directory


def program(directory: Path) -> Path:
    found = (a for a in manifests.read(directory).artifacts if a.kind is ArtifactKind.BINARY)
    return directory / next(found).path


def swap(directory: Path) -> None:
    program(directory).write_bytes(EVIL)


def swap_and_call_it_absent(directory: Path) -> None:
    """delta.json is in no signature."""
    manifest = manifests.read(directory)
    absent = {artifact.digest: "slipway/binary/x" for artifact in manifest.artifacts}
    (directory / "delta.json").write_text(
        json.dumps({"format": 1, "bundle": manifest.digest, "absent": absent})
    )
    swap(directory)


def link_and_call_it_absent(directory: Path) -> None:
    swap_and_call_it_absent(directory)
    program(directory).unlink()
    program(directory).symlink_to("nowhere")


def misname(directory: Path) -> None:
    """Names of images are given by the layout's index, which other programs read."""
    path = directory / LAYOUT / "index.json"
    index = json.loads(path.read_text())
    index["manifests"][0]["annotations"][NAMED] = "registry.example.org/other:1"
    path.write_text(json.dumps(index))


def misdirect(directory: Path) -> None:
    path = directory / LAYOUT / "index.json"
    index = json.loads(path.read_text())
    index["manifests"][0]["digest"] = f"sha256:{'0' * 64}"
    path.write_text(json.dumps(index))


def name_twice(directory: Path) -> None:
    path = directory / LAYOUT / "index.json"
    index = json.loads(path.read_text())
    index["manifests"].append({**index["manifests"][0], "digest": f"sha256:{'0' * 64}"})
    path.write_text(json.dumps(index))


def say_more(directory: Path) -> None:
    """Other programs believe what an entry says: of which platform, where else to fetch it."""
    path = directory / LAYOUT / "index.json"
    index = json.loads(path.read_text())
    index["manifests"][0]["urls"] = ["https://registry.example.org/blob"]
    path.write_text(json.dumps(index))


def say_less(directory: Path) -> None:
    (directory / LAYOUT / "oci-layout").write_text('{"imageLayoutVersion": "9.0.0"}')


def mount_elsewhere(directory: Path) -> None:
    """A delta says from which repository of the site a blob is taken over: that becomes part of a URL."""
    manifest = manifests.read(directory)
    absent = {manifest.artifacts[0].digest: "slipway/x&mount=sha256:0"}
    data = {"format": 1, "bundle": manifest.digest, "absent": absent}
    (directory / "delta.json").write_text(json.dumps(data))


def break_index(directory: Path) -> None:
    (directory / LAYOUT / "index.json").write_text('{"manifests": 5}')


def add(directory: Path) -> None:
    (directory / "wheel").mkdir(exist_ok=True)
    (directory / "wheel" / "extra-1.0-py3-none-any.whl").write_bytes(EVIL)


def add_hidden(directory: Path) -> None:
    (directory / "binary" / ".kubelet").write_bytes(EVIL)


def add_blob(directory: Path) -> None:
    (directory / LAYOUT / "blobs/sha256" / ("0" * 64)).write_bytes(EVIL)


def add_link(directory: Path) -> None:
    (directory / "etc").symlink_to("/etc")


@pytest.mark.parametrize(
    "alter",
    [
        swap,
        swap_and_call_it_absent,
        link_and_call_it_absent,
        misname,
        misdirect,
        name_twice,
        break_index,
        say_more,
        say_less,
        add,
        add_hidden,
        add_blob,
        add_link,
    ],
    ids=lambda alter: alter.__name__,
)
def test_an_altered_bundle_is_told(bundle: Path, key: str, alter: Callable[[Path], None]) -> None:
    alter(bundle)
    manifest = DirectorySource(bundle, (key,)).manifest()
    assert damaged_files(bundle, manifest) or unlisted_files(bundle, manifest)


def test_a_delta_that_leads_elsewhere_is_none(bundle: Path, key: str) -> None:
    mount_elsewhere(bundle)
    with pytest.raises(BundleError, match="nothing about a delta"):
        DirectoryStock(bundle, DirectorySource(bundle, (key,)).verified())


def test_what_was_verified_is_what_is_used(bundle: Path, key: str, tmp_path: Path) -> None:
    """A medium is changed between the plan and the push: the signed manifest is pushed, with its signature."""
    source = DirectorySource(bundle, (key,))
    signed = source.manifest()
    small_bundle(tmp_path / "other", seed=7)
    for name in (manifests.FILE, manifests.SIGNATURE):
        (bundle / name).unlink()
    (bundle / manifests.FILE).write_bytes((tmp_path / "other" / manifests.FILE).read_bytes())
    pushed = DirectoryStock(bundle, source.verified()).bundle()
    assert pushed.manifest == source.manifest() == signed
    assert check_signature(pushed.text, pushed.signature, "", (key,))
    with pytest.raises(BundleError, match="not signed"):
        DirectorySource(bundle, (key,)).manifest()


def test_the_registry_is_pushed_on_as_it_was_verified(bundle: Path, key: str, tmp_path: Path) -> None:
    """Between a plan and the filling of the replica, whoever has the push account puts another bundle there."""
    with running_registry(tmp_path / "registry", tmp_path / "data") as registry:
        client = registry.client()
        push(bundle, client)
        source = RegistrySource(client, tmp_path / "cache", (key,))
        planned = source.verified()
        small_bundle(tmp_path / "other", seed=7)
        push(tmp_path / "other", client)
        stock = RegistryStock(client, tmp_path / "scratch", planned)
        assert stock.bundle().manifest == planned.manifest
        with pytest.raises(BundleError, match="not signed"):
            source.manifest()


@pytest.mark.parametrize("answer", [b"5", b"[]", b'{"layers": []}', b'{"layers": [{"digest": "../x"}]}'])
def test_what_is_no_bundle_in_a_registry_is_said_to_be_none(answer: bytes) -> None:
    class Nonsense:
        url = "https://registry.test"

        def get_manifest(self, _repository: str, _tag: str) -> tuple[bytes, str]:
            return answer, ""

    with pytest.raises(BundleError, match="holds no bundle"):
        bundle_of(cast("RegistryClient", Nonsense()))


def test_what_is_used_of_a_medium_is_what_was_hashed(bundle: Path, key: str, tmp_path: Path) -> None:
    """A medium may answer the next reading with something else, as a program is started from it."""
    artifact = next(a for a in manifests.read(bundle).artifacts if a.kind is ArtifactKind.BINARY)
    used = DirectorySource(bundle, (key,), cache_dir=tmp_path / "cache").path(artifact)
    swap(bundle)
    assert digest_of(used.read_bytes()) == artifact.digest
    with pytest.raises(BundleError, match="not what the bundle says"):
        DirectorySource(bundle, (key,), cache_dir=tmp_path / "empty").path(artifact)


def test_volumes_whose_headers_lie_are_no_bundle(bundle: Path, tmp_path: Path) -> None:
    """Headers are signed by nobody: a swapped program whose digest its header has, a delta.json, one file more."""
    whole = next(headers_of(bundle, None))
    swap_and_call_it_absent(bundle)
    add(bundle)
    extra = ("wheel/extra-1.0-py3-none-any.whl", "delta.json", program(bundle).relative_to(bundle).as_posix())
    spans = {span.path: span for span in whole.spans}
    for name in extra:
        data = (bundle / name).read_bytes()
        spans[name] = Span(name, 0, len(data), len(data), digest_of(data))
    header = Header(whole.bundle, 1, 1, tuple(spans.values()))
    with (tmp_path / "one.tar").open("wb") as file:
        write_volume(bundle, header, file)
    with pytest.raises(BundleError, match="not the bundle that they say") as caught:
        import_files([tmp_path / "one.tar"], tmp_path / "in")
    assert len(caught.value.findings) == 2
    assert not (tmp_path / "in" / manifests.FILE).exists()
