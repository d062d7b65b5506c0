"""Whether Ansible finds a Python on a host that it can use, or the bundle's own has to go there."""

from slipway.errors import Finding
from slipway.findings import FindingCode
from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest
from slipway.model.observed import HostFacts, HostObserved
from slipway.model.platforms import Platform

#: What modules of this release need on a host.
OLDEST = (3, 9)
ARTIFACT = "python"


def usable(facts: HostFacts) -> bool:
    """Whether the host's own is new enough."""
    numbers = facts.python.split(".")[:2]
    return all(number.isdigit() for number in numbers) and tuple(map(int, numbers)) >= OLDEST


def artifact(bundle: BundleManifest, platform: Platform) -> Artifact | None:
    """The bundle's own Python for a platform."""
    return bundle.find(ArtifactKind.BINARY, ARTIFACT, platform=platform)


def interpreter_findings(
    path: str, seen: HostObserved, bundle: BundleManifest, platform: Platform
) -> list[Finding]:
    """A host without a usable Python needs a bundle that has one for it."""
    if usable(seen.facts) or artifact(bundle, platform):
        return []
    found = f"has Python {seen.facts.python}" if seen.facts.python else "has no Python"
    wanted = f"{'.'.join(map(str, OLDEST))} or later, or a bundle with one"
    hint = "build the bundle with this release: slipway bundle build"
    return [
        Finding(
            path,
            f"{found}, and the bundle has none for {platform.name}",
            expected=wanted,
            hint=hint,
            code=FindingCode.PYTHON,
        )
    ]
