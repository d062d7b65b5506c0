"""What hangs at an image comes with it: locked by digest, found at the site by those who look for it there, and gone
no sooner than the image.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slipway.bundle.form.layout import stored_manifest
from slipway.bundle.form.manifest import read
from slipway.bundle.locks import images as lock
from slipway.bundle.locks.images import ALL, ImageLock
from slipway.bundle.make.official import Official
from slipway.bundle.registry import referrers
from slipway.bundle.registry.client import RegistryClient, RegistryUnavailable
from slipway.bundle.registry.referrers import list_tag
from slipway.bundle.site.inventory import inventory_of
from slipway.bundle.site.push import push
from slipway.bundle.site.sweep import Sweep, sweep, sweep_of
from slipway.bundle.verify.checks import damaged_files
from slipway.errors import BundleError
from tests.binaries import binary
from tests.bundles import small_bundle
from tests.faulty import Fault, Faulty, faulty
from tests.listing import listing
from tests.registries import Registry, running_registry
from tests.upstreams import AMD64, DAY, IMAGE, digest_of, pulled, put_index, put_referrer, resolved, upstreams

NAME = IMAGE.rpartition(":")[0]
SBOM, VEX, SIGNATURE = "application/spdx+json", "application/openvex+json", "application/vnd.test.signature"


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Faulty]:
    """A registry that lists referrers: two of an image, and one of these."""
    with (
        running_registry(tmp_path / "source", tmp_path / "source-data") as backend,
        listing(backend) as proxy,
    ):
        index = put_index(backend.client(), "v1")
        sbom = put_referrer(proxy.client(), index, SBOM)
        put_referrer(proxy.client(), index, VEX)
        put_referrer(proxy.client(), sbom, SIGNATURE)
        yield proxy


@pytest.fixture
def bundle(tmp_path: Path, source: Faulty) -> Path:
    pulled(source, tmp_path / "bundle", resolved(source, ALL))
    return tmp_path / "bundle"


def about(client: RegistryClient, digest: str) -> set[str]:
    """Digests of what is found at a manifest of the site."""
    return {item["digest"] for item in referrers.referrers_of(client, NAME, digest)}


def root_of(bundle: Path) -> str:
    return next(item.digest for item in read(bundle).artifacts if item.version == "v1")


def discovered(proxy: Faulty, digest: str) -> Any:
    """What another client of registries finds."""
    account = ["--plain-http", "--username", proxy.backend.username, "--password-stdin"]
    command = [binary("oras"), "discover", *account, "--format", "json", f"{proxy.host}/{NAME}@{digest}"]
    done = subprocess.run(command, input=proxy.backend.password, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_all_that_a_registry_lists_is_locked(tmp_path: Path, source: Faulty) -> None:
    image, cosigned, *others = resolved(source, ALL)
    assert cosigned.image.endswith(".sig")
    assert [item.subject for item in others[:2]] == [image.digest, others[0].digest]
    assert others[2].subject == image.digest
    assert all(item.image == f"{NAME}@{item.digest}" == f"{item.name}@{item.version}" for item in others)
    assert source.count("GET", r"referrers/.+\?page=1") == 1
    other = lock.Locked("quay.io/other/tool:v1", ALL, image.digest, image.digest, "https://quay.io", DAY)
    whole = ImageLock().merged([image, cosigned, *others, other])
    lock.write(whole, tmp_path / "lock.yaml")
    assert "subject: ''" not in (tmp_path / "lock.yaml").read_text()
    assert lock.read(tmp_path / "lock.yaml") == whole
    assert {item.image for item in whole.beside(image)} == {item.image for item in (cosigned, *others)}
    assert whole.beside(other) == []
    assert {*Official(lock=whole, platforms=(ALL,)).locked([IMAGE])} == {image, cosigned, *others}
    lock.check_moved(whole, resolved(source, ALL), accept=False)
    with pytest.raises(BundleError, match="tags are locked"):
        lock.resolve(upstreams(source), f"{NAME}@{image.digest}", AMD64, DAY)


def test_at_a_site_without_such_lists_they_are_found_all_the_same(bundle: Path, registry: Registry) -> None:
    """By another client, too; and from there they can be locked again."""
    assert damaged_files(bundle) == []
    manifest, root = read(bundle), root_of(bundle)
    assert push(bundle, registry.client()).images_copied == len(manifest.artifacts) == 5
    again = push(bundle, registry.client())
    assert (again.images_copied, again.blobs_copied) == (0, 0)
    with faulty(registry) as site:
        found = discovered(site, root)["referrers"]
        assert {item["artifactType"] for item in found} == {SBOM, VEX}
        assert all(item["annotations"]["made-by"] == "a test" for item in found)
        [sbom] = [item["digest"] for item in found if item["artifactType"] == SBOM]
        assert [item["artifactType"] for item in discovered(site, sbom)["referrers"]] == [SIGNATURE]
        listed = list(referrers.referrer_tree(site.client(), NAME, root))
    carried = {item.digest for item in manifest.artifacts if item.version == item.digest}
    assert {digest for _, digest in listed} == carried
    assert digest_of(SBOM.encode()) in inventory_of(registry.client(), manifest).blobs


def test_a_registry_that_lists_them_gets_no_list(bundle: Path, registry: Registry) -> None:
    with listing(registry) as site:
        push(bundle, site.client())
        assert len(about(site.client(), root_of(bundle))) == 2
        assert {item["artifactType"] for item in discovered(site, root_of(bundle))["referrers"]} == {
            SBOM,
            VEX,
        }
        assert push(bundle, site.client()).images_copied == 0
    assert not [tag for tag in registry.client().tags(NAME) if len(tag) == len(list_tag(root_of(bundle)))]


def test_what_others_have_listed_stays_listed(bundle: Path, registry: Registry) -> None:
    client, root = registry.client(), root_of(bundle)
    own = put_referrer(client, root, "application/vnd.site.scan", repository=NAME)
    gone = put_referrer(client, root, "application/vnd.site.other", repository=NAME)
    listing_of = referrers.Listing(client)
    for digest in (own, gone):
        listing_of.add(NAME, stored_manifest(client.get_manifest(NAME, digest)[0]))
    listing_of.write((NAME, root))
    assert about(client, root) == {own, gone}
    client.delete_manifest(NAME, gone)
    push(bundle, client)
    assert len(about(client, root)) == 3
    assert own in about(client, root)
    assert gone not in about(client, root)


def test_a_push_that_ended_before_the_lists_is_gone_on_with(bundle: Path, registry: Registry) -> None:
    root = root_of(bundle)
    with faulty(registry, Fault("PUT", f"{list_tag(root)}$", 500, times=1000)) as site:
        with pytest.raises(RegistryUnavailable):
            push(bundle, site.client())
        assert about(site.client(), root) == set()
    receipt = push(bundle, registry.client())
    assert (receipt.images_copied, receipt.blobs_copied) == (2, 1)  # the bundle's own manifest
    assert len(about(registry.client(), root)) == 2


@pytest.mark.parametrize(
    "answer", [Fault("GET", "/referrers/", 400), Fault("GET", "/referrers/", 200, text="<html>sign in")]
)
def test_registries_that_know_no_such_question_are_taken_by_their_tags(
    bundle: Path, registry: Registry, answer: Fault
) -> None:
    push(bundle, registry.client())
    with faulty(registry, Fault(**{**vars(answer), "times": 1000})) as site:
        assert len(about(site.client(), root_of(bundle))) == 2
    with (
        faulty(registry, Fault("GET", "/referrers/", 403)) as site,
        pytest.raises(BundleError, match="forbids"),
    ):
        about(site.client(), root_of(bundle))


def test_they_live_as_long_as_what_they_are_about(tmp_path: Path, bundle: Path, registry: Registry) -> None:
    """Also those that somebody else pushed."""
    client, root = registry.client(), root_of(bundle)
    push(bundle, client)
    own = put_referrer(client, root, "application/vnd.site.scan", repository=NAME)
    site = referrers.Listing(client)
    site.add(NAME, stored_manifest(client.get_manifest(NAME, own)[0]))
    site.write((NAME, root))
    small_bundle(tmp_path / "next")
    push(tmp_path / "next", client)
    used = sweep_of(client, used={IMAGE})
    assert (used.manifests, used.used) == ((), (IMAGE,))
    found = sweep_of(client)
    assert len(found.artifacts) == 5
    there = {item for _, item in referrers.referrer_tree(client, NAME, root)}
    assert own in there
    assert {(NAME, item) for item in (root, *there)} < set(found.manifests)
    for place in found.manifests[:2]:  # killed, it goes on
        client.delete_manifest(*place)
    sweep(client, sweep_of(client))
    assert not any(client.head_manifest(NAME, item) for item in (root, *there))
    assert client.tags(NAME) == ()
    assert sweep_of(client) == Sweep()


def test_they_stay_where_the_next_bundle_has_the_image_alone(
    tmp_path: Path, source: Faulty, bundle: Path, registry: Registry
) -> None:
    client, root = registry.client(), root_of(bundle)
    push(bundle, client)
    pulled(source, tmp_path / "next", resolved(source, ALL)[:1])
    push(tmp_path / "next", client)
    before = about(client, root)
    assert sweep_of(client).manifests == ()
    sweep(client, sweep_of(client))
    assert about(client, root) == before != set()
    assert client.head_manifest(NAME, f"{list_tag(root)}.sig")
