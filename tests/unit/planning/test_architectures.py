"""Hosts of several architectures: each gets what is for its own, and preflight sees where something is not."""

from dataclasses import replace
from typing import Any

import pytest

from slipway.api import read
from slipway.bundle.form import manifest as manifests
from slipway.errors import BundleError
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest
from slipway.model.configuration import Configuration
from slipway.model.observed import Observed
from slipway.model.plan import StepKind
from slipway.model.platforms import AMD64, ARM64
from slipway.planning.plan import make_plan, required_images
from slipway.planning.preflight import preflight
from slipway.planning.roles import role_variables, roles_of
from tests.unit.planning import model

FILES = {ArtifactKind.BINARY, ArtifactKind.PACKAGES}
BOTH = f"{AMD64.name},{ARM64.name}"
#: worker-01 is of the group, worker-02 is not.
MIXED = {
    "hosts": {
        "groups": {"arm": {"architecture": "arm64"}},
        "items": [
            {"name": "cp-01", "address": "10.0.0.11", "roles": ["control-plane"]},
            {"name": "worker-01", "address": "10.0.0.12", "roles": ["worker"], "groups": ["arm"]},
            {"name": "worker-02", "address": "10.0.0.13", "roles": ["worker"]},
        ],
    }
}


def bundle(images: str = BOTH) -> BundleManifest:
    """What is for amd64 in the bundle of all tests, and the same for arm64."""
    amd64 = model.bundle().artifacts
    arm64 = [replace(a, platform=ARM64.name, digest=arm(a.digest)) for a in amd64 if a.kind in FILES]
    both = [replace(a, platform=images) if a.kind is ArtifactKind.IMAGE else a for a in amd64]
    return manifests.manifest_of(
        name="both", catalog=model.catalog().core, slipway="0", artifacts=[*both, *arm64]
    )


def arm(digest: str) -> str:
    return f"sha256:{'a' * 10}{digest[17:]}"


def digests(variables: Any) -> list[str]:
    """Of all artifacts that variables have."""
    if isinstance(variables, dict):
        own = [variables["digest"]] if variables.keys() >= {"digest", "repository"} else []
        return own + [digest for value in variables.values() for digest in digests(value)]
    return [digest for item in variables for digest in digests(item)] if isinstance(variables, list) else []


def site(patch: dict[str, Any] = MIXED) -> Configuration:
    return read.parse(model.document(patch))


def seen(machines: dict[str, str]) -> Observed:
    """The servers of `MIXED` with nothing on them; amd64 machines where nothing is said."""
    fresh = model.fresh(site({}))
    hosts = {
        name: replace(host, facts=replace(host.facts, architecture=machines.get(name, "x86_64")))
        for name, host in fresh.hosts.items()
    }
    return replace(fresh, hosts=hosts)


def findings(machines: dict[str, str], carried: BundleManifest, patch: dict[str, Any] = MIXED) -> list[str]:
    configuration = site(patch)
    observed = seen(machines)
    plan = make_plan(configuration, model.catalog(), carried, observed)
    images = required_images(configuration, model.catalog())
    found = preflight(configuration, carried, observed, plan, images)
    return [f"{finding.path} {finding.code}: {finding.problem}" for finding in found]


def test_settings_say_it_by_host_by_group_or_for_all() -> None:
    assert [host.platform for host in site().hosts] == [AMD64, ARM64, AMD64]
    assert site().platforms == (AMD64, ARM64)
    everywhere = site({"hosts": {"defaults": {"architecture": "arm64"}}})
    assert everywhere.platforms == (ARM64,)
    assert site({}).platforms == (AMD64,)


def test_every_role_of_a_host_gets_what_is_for_its_own_architecture() -> None:
    configuration, carried = site(), bundle()
    for host in configuration.hosts:
        wanted = {a.digest for a in carried.artifacts if a.kind in FILES and a.serves(host.platform)}
        given = [
            digest
            for role in roles_of(configuration, host)
            for digest in digests(role_variables(configuration, carried, host, role))
        ]
        assert len(given) > len(wanted) // 2
        assert set(given) <= wanted


def test_a_second_architecture_changes_nothing_for_hosts_of_the_first() -> None:
    configuration = site({})
    fresh = model.fresh(configuration)
    plans = [
        make_plan(configuration, model.catalog(), carried, fresh) for carried in (model.bundle(), bundle())
    ]
    steps = [{step.id: step.digest for step in plan.steps if step.kind is StepKind.HOST} for plan in plans]
    assert steps[0] == steps[1] != {}


def test_a_bundle_without_programs_for_a_host_cannot_be_planned_with() -> None:
    configuration = site()
    with pytest.raises(BundleError, match=r"has no binary .* for linux/arm64") as refusal:
        make_plan(configuration, model.catalog(), model.bundle(), seen({}))
    assert refusal.value.where == "host/worker-01"


def test_what_is_written_has_to_be_what_the_host_is() -> None:
    assert findings({"worker-01": "aarch64"}, bundle()) == []
    assert findings({}, bundle()) == [
        "host/worker-01 architecture: is a x86_64 machine, and its settings say arm64"
    ]
    assert findings({"worker-01": "aarch64", "worker-02": "aarch64"}, bundle()) == [
        "host/worker-02 architecture: is a aarch64 machine, and its settings say amd64"
    ]
    assert findings({"worker-01": "ppc64le"}, bundle()) == [
        "host/worker-01 unsupported-architecture: is a ppc64le machine"
    ]


def test_an_image_has_to_be_there_for_every_architecture_of_hosts() -> None:
    module = "registry.k8s.io/metrics-server/metrics-server"
    both = bundle()
    images = [replace(a, platform=AMD64.name) if a.name == module else a for a in both.artifacts]
    [lacking] = findings({"worker-01": "aarch64"}, replace(both, artifacts=tuple(images)))
    assert lacking.startswith(f"bundle/both image: lacks image {module}:")
    assert lacking.endswith(" for arm64")
    for platforms in (BOTH, "all"):
        assert findings({"worker-01": "aarch64"}, bundle(platforms)) == []
    assert findings({}, bundle(AMD64.name), {}) == []


def test_packages_of_a_system_may_be_there_for_one_architecture_alone() -> None:
    def kept(found: Artifact) -> bool:
        return found.kind is not ArtifactKind.PACKAGES or found.platform == AMD64.name

    both = bundle()
    carried = replace(both, artifacts=tuple(filter(kept, both.artifacts)))
    assert findings({"worker-01": "aarch64"}, carried) == [
        "host/worker-01 unsupported-os: runs debian-12, for which the bundle has no packages for arm64"
    ]
