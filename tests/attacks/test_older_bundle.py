"""An older bundle, rightly signed, has what was mended since: it is not taken again, wherever somebody puts it."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from slipway import catalog as catalogs
from slipway.bundle.form import manifest as manifests
from slipway.bundle.site.push import push
from slipway.bundle.site.source import ArtifactSource, DirectorySource, RegistrySource
from slipway.bundle.verify.freshness import Accepted
from slipway.bundle.verify.signing import Seal, check_signature, fingerprint, keygen, sign
from slipway.engine.context import Context
from slipway.engine.freshness import FILE, accepted_here, take_bundle
from slipway.errors import BundleError
from tests.bundles import installer_bundle, small_bundle
from tests.registries import Registry, running_registry

OLD, NEW = 1_700_000_000, 1_800_000_000
WHY = "the new one does not start here"


@pytest.fixture
def key(tmp_path: Path) -> str:
    return keygen(tmp_path / "key", "test")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with running_registry(tmp_path / "registry", tmp_path / "data") as found:
        yield found


def signed(tmp_path: Path, serial: int, seed: int = 0, site: str = "") -> Path:
    """A bundle of its own contents for each serial, unless a seed says it."""
    directory = tmp_path / f"bundle-{serial}-{seed}-{site}"
    small_bundle(directory, files=1, size=1000, seed=seed or serial)
    sign(directory, tmp_path / "key", serial, site)
    return directory


def run(tmp_path: Path, source: ArtifactSource, reason: str = "") -> Context:
    """As a command opens it, at a site named plant."""
    state = tmp_path / "state"
    state.mkdir(exist_ok=True)
    named: Any = SimpleNamespace(name="plant")
    named.site = named
    return Context(
        configuration=named,
        catalog=catalogs.load(),
        source=source,
        secrets=cast("Any", None),
        state=state,
        kubeconfig=None,
        allow_older=reason,
    )


def take(context: Context) -> list[str]:
    """As an apply does, before it changes anything; what it says."""
    said: list[str] = []
    assert context.verified.seal
    take_bundle(context, said.append)
    return said


def test_an_older_one_put_back_into_the_registry_is_refused(
    tmp_path: Path, key: str, registry: Registry
) -> None:
    client = registry.client()
    source = RegistrySource(client, tmp_path / "cache", (key,))
    for serial in (OLD, NEW):
        push(signed(tmp_path, serial), client)
        take(run(tmp_path, source))
    push(signed(tmp_path, OLD), client)  # by whoever got the push account
    with pytest.raises(BundleError, match="older than the one that this site took last") as caught:
        _ = run(tmp_path, source).verified
    assert "2027-01-15 08:00:00 UTC" in caught.value.why
    assert "--allow-older REASON" in caught.value.hint


def test_an_older_one_on_a_medium_is_refused_until_somebody_says_why(tmp_path: Path, key: str) -> None:
    def medium(serial: int, reason: str = "") -> Context:
        return run(tmp_path, DirectorySource(signed(tmp_path, serial), (key,)), reason)

    take(medium(NEW))
    with pytest.raises(BundleError, match="older"):
        _ = medium(OLD).verified
    assert take(medium(OLD, WHY)) == [f"a bundle older than the last one is taken: {WHY}"]
    kept = accepted_here(tmp_path / "state")
    assert [(waiver.serial, waiver.reason) for waiver in kept.waivers] == [(OLD, WHY)]
    assert take(medium(OLD)) == []  # it is the site's now
    with pytest.raises(BundleError, match="older"):
        _ = medium(OLD + 1).verified  # and no other one is
    take(medium(NEW))
    with pytest.raises(BundleError, match="older"):
        _ = medium(OLD).verified  # nor it, once it is not any more


def test_what_the_cluster_knows_counts_on_a_machine_that_knows_nothing(tmp_path: Path, key: str) -> None:
    context = run(tmp_path, DirectorySource(signed(tmp_path, OLD), (key,)))
    assert context.verified.seal == Seal(fingerprint(key), OLD)
    with pytest.raises(BundleError, match="older"):
        context.learn_accepted(Accepted(NEW, f"sha256:{'0' * 64}"))


def test_a_record_that_is_no_longer_one_is_not_taken_for_none(tmp_path: Path, key: str) -> None:
    take(run(tmp_path, DirectorySource(signed(tmp_path, NEW), (key,))))
    for nonsense in (
        "",
        "{}",
        "[1]",
        '{"format": 1, "serial": true, "bundle": "", "waivers": []}',
        "[" * 9999,
    ):
        (tmp_path / "state" / FILE).write_text(nonsense)
        with pytest.raises(BundleError, match="cannot be read"):
            _ = run(tmp_path, DirectorySource(signed(tmp_path, OLD), (key,))).verified


def test_a_delta_and_the_whole_are_one_bundle(tmp_path: Path, key: str) -> None:
    """Signed one after the other, in any order."""
    for serial in (NEW, OLD):
        take(run(tmp_path, DirectorySource(signed(tmp_path, serial, seed=7), (key,))))
    assert accepted_here(tmp_path / "state").serial == NEW


def test_one_for_another_site_is_refused(tmp_path: Path, key: str) -> None:
    _ = run(tmp_path, DirectorySource(signed(tmp_path, OLD, site="plant"), (key,))).verified
    with pytest.raises(BundleError, match="for another site") as caught:
        _ = run(tmp_path, DirectorySource(signed(tmp_path, NEW, site="office"), (key,)), WHY).verified
    assert "signed for office, and this is plant" in caught.value.why


@pytest.mark.parametrize(
    "change",
    [
        {"serial": NEW},
        {"site": "plant"},
        {"format": 1},
        {"serial": str(OLD)},
        {"serial": -1},
        {"site": "a\n"},
    ],
    ids=str,
)
def test_what_a_signature_says_is_signed(tmp_path: Path, key: str, change: dict[str, Any]) -> None:
    directory = signed(tmp_path, OLD, site="office")
    path = directory / manifests.SIGNATURE
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(BundleError, match=r"changed after it was signed|no signature"):
        DirectorySource(directory, (key,)).manifest()


def test_a_signature_of_a_former_release_is_one_of_no_time(tmp_path: Path) -> None:
    """Made by the release before serials."""
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDSF/i8J7ap8leUQCXm6B1Y9JvaWUip+S7FUv+jV99Wf former"
    signature = {
        "format": 1,
        "key": fingerprint(key),
        "signature": "8Mc/sg9zvEehp63xNBq0VPE8qqi4OPf9qWQdkXJgsJJ1sQ8GBRRHoSuvhTmg0t3+AARafKC+dFdxoQuAIQ5eCg==",
    }
    assert check_signature(b"format: 1\n", json.dumps(signature), "", (key,)) == Seal(fingerprint(key), 0, "")


def test_the_installer_takes_no_older_one(tmp_path: Path) -> None:
    """install.sh stands alone: it keeps a record of its own, where it installs."""
    keygen(tmp_path / "key", "test")
    directory, prefix = tmp_path / "bundle", tmp_path / "opt"
    made = installer_bundle(directory)

    def install(serial: int, name: str, *more: str) -> subprocess.CompletedProcess[str]:
        """The same wheels, in bundles that differ by name alone."""
        other = manifests.manifest_of(
            name=name, catalog=made.catalog, slipway=made.slipway, artifacts=made.artifacts
        )
        manifests.write(other, directory)
        sign(directory, tmp_path / "key", serial)
        argv = ["bash", directory / "install.sh", "--prefix", prefix, "--bin", tmp_path / "bin", *more]
        return subprocess.run(argv, capture_output=True, text=True, check=False)

    nowhere = install(NEW, "new", "--key", str(tmp_path / "nowhere.pub"))
    assert (nowhere.returncode, "cannot be read" in nowhere.stderr) == (7, True)
    assert not prefix.exists()
    first = install(NEW, "new", "--key", str(tmp_path / "key.pub"))
    assert first.returncode == 0, first.stderr
    refused = install(OLD, "old")
    assert refused.returncode == 7
    assert "older than the one that was taken last" in refused.stderr
    assert "--allow-older REASON" in refused.stderr
    allowed = install(OLD, "old", "--allow-older", WHY)
    assert allowed.returncode == 0, allowed.stderr
    assert (prefix / "accepted.log").read_text().endswith(f" {WHY}\n")
    assert install(OLD, "old").returncode == 0
    assert install(OLD + 1, "another").returncode == 7
    assert install(NEW + 1, "newer").returncode == 0
    assert install(OLD, "old").returncode == 7
    (prefix / "accepted").write_text("nonsense\n")
    assert "cannot be read" in install(NEW + 2, "newest").stderr
