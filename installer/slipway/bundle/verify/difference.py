"""`bundle diff`: what one bundle has that another has not, artifact by artifact; pure."""

from dataclasses import dataclass

from slipway.model.bundle import Artifact, ArtifactKind, BundleManifest


@dataclass(frozen=True, slots=True)
class Changed:
    """An artifact of one kind and name, and a file of one platform, that is in both, and not the same."""

    before: Artifact
    after: Artifact


@dataclass(frozen=True, slots=True)
class Difference:
    """From one bundle to another, in the order of their manifests."""

    added: tuple[Artifact, ...]
    removed: tuple[Artifact, ...]
    changed: tuple[Changed, ...]

    @property
    def none(self) -> bool:
        """Whether they hold the same."""
        return not (self.added or self.removed or self.changed)


def difference(before: BundleManifest, after: BundleManifest) -> Difference:
    """What has to be said to get from one to the other.

    Of several versions of a name, those with the same version are compared; else a lone one is a change of another.
    """
    old, new = list(before.artifacts), list(after.artifacts)
    changed = []
    for same in (_by_version, _by_name):
        for one in list(new):
            found = [other for other in old if same(other) == same(one)]
            rivals = [other for other in new if same(other) == same(one)]
            if len(found) == len(rivals) == 1:
                old.remove(found[0])
                new.remove(one)
                changed += [Changed(found[0], one)] if found[0].digest != one.digest else []
    changed.sort(key=lambda change: _by_version(change.after))
    return Difference(tuple(new), tuple(old), tuple(changed))


def _by_version(artifact: Artifact) -> tuple[str, ...]:
    return (*_by_name(artifact), artifact.version)


def _by_name(artifact: Artifact) -> tuple[str, ...]:
    # An image is one, for however many platforms it is there.
    platform = "" if artifact.kind is ArtifactKind.IMAGE else artifact.platform
    return (str(artifact.kind), artifact.name, platform)
