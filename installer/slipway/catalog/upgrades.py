"""Which Kubernetes versions an upgrade passes through: kubeadm goes from one minor version to the next."""

from collections.abc import Iterable

from slipway.catalog.versions import numbers
from slipway.errors import ConfigurationError

_WHERE = "--to"


def path(known: Iterable[str], current: str, target: str) -> tuple[str, ...]:
    """Versions from `current` to `target`, both of them: the newest one known of each minor version between.

    Raises:
        ConfigurationError: it is no upgrade, or a version on the way is not known.
    """
    target, versions = f"v{target.removeprefix('v')}", sorted(known, key=numbers)
    if target not in versions:
        hint = f"this release knows {', '.join(versions)}"
        raise ConfigurationError(f"there is no Kubernetes {target} to upgrade to", where=_WHERE, hint=hint)
    if numbers(target) < numbers(current):
        hint = "a cluster cannot go back; name a later version"
        raise ConfigurationError(f"{target} is older than {current}", where=_WHERE, hint=hint)
    (major, first), (last_major, last) = numbers(current)[:2], numbers(target)[:2]
    if major != last_major:
        raise ConfigurationError(f"no way is known from {current} to {target}", where=_WHERE)
    newest = {numbers(version)[1]: version for version in versions if numbers(version)[0] == major}
    missing = [f"v{major}.{minor}" for minor in range(first + 1, last) if minor not in newest]
    if missing:
        raise ConfigurationError(
            f"the way from {current} to {target} leads over {', '.join(missing)}, which this release does not know",
            where=_WHERE,
            why="kubeadm upgrades by one minor version at a time",
            hint="carry the upgrade in two bundles, the first of a release of Slipway that knows them",
        )
    between = (newest[minor] for minor in range(first + 1, last))
    return tuple(dict.fromkeys((current, *between, target)))
