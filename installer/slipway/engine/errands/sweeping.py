"""`slipway registry gc`: what only former bundles brought leaves the site registry, then its blobs leave the disk.

First `look`, so that somebody can be asked, then `carry_out`. The registry on each host has its own look: a replica
may hold what the other never got. Pulls go on; operations that may push wait, by the same locks as each other.
"""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from slipway.bundle.registry.client import RegistryClient
from slipway.bundle.site.packs import Pack, contents_of, pack_at
from slipway.bundle.site.sweep import Sweep, sweep, sweep_of
from slipway.catalog.images.names import parse
from slipway.engine.context import Context
from slipway.engine.locking import Locks
from slipway.engine.registry import push_client, site_source
from slipway.errors import BundleError, ConfigurationError, StalePlanError
from slipway.model.host.items import Host
from slipway.model.plan import StepKind
from slipway.planning.sitenames import site_prefix
from slipway.probe import locks
from slipway.probe.fleet import Fleet
from slipway.probe.ssh import SSHSession

#: Seconds for one host's blobs; a registry reads every manifest it has.
PATIENCE = 3600.0
UNIT = "slipway-registry-gc.service"


@dataclass(frozen=True, slots=True)
class Sweepable:
    """What is to go from the registry on one host."""

    host: str
    sweep: Sweep


@dataclass(frozen=True, slots=True)
class Swept:
    """What went; sizes of all its blobs in KiB."""

    host: str
    manifests: int
    before: int
    after: int


def sweepable_images(context: Context) -> tuple[Sweepable, ...]:
    """What would go, host by host.

    Raises:
        ConfigurationError: the registry is not Slipway's own.
        SlipwayError: the cluster has to be asked which images it names, and does not answer.
    """
    hosts = context.configuration.registry_hosts
    if not hosts:
        raise ConfigurationError(
            "the site registry is not Slipway's own, and cleans up in its own way",
            where="spec.registry.mode",
            hint="use the retention rules of that registry",
        )
    used, beside = _running(context), contents_of(_packs(context))
    return tuple(Sweepable(host.name, sweep_of(_client(context, host), used, beside)) for host in hosts)


def sweep_registries(
    context: Context, found: tuple[Sweepable, ...], tell: Callable[[str], None]
) -> tuple[Swept, ...]:
    """Delete manifests, and have each host collect its blobs; killed, the same again goes on.

    Raises:
        ConflictError: an operation runs that may push, or a bundle was pushed since it was looked at.
        BundleError: a registry did not collect.
    """
    hosts = {host.name: host for host in context.configuration.registry_hosts}
    with Fleet(hosts.values(), context.access()) as fleet:
        seen = locks.last_epochs(fleet)
        with Locks(context, hosts, cluster=_has_cluster(context), seen=seen, note=tell) as mine:
            if sweepable_images(context) != found:
                raise StalePlanError("the registry has changed since you were asked", hint="run it again")
            gone = {}
            for one in found:
                mine.confirm(StepKind.MIRROR)
                gone[one.host] = _delete(_client(context, hosts[one.host]), one, tell)
            mine.confirm(StepKind.MIRROR)
            tell("collecting blobs")
            root = context.configuration.spec.registry.data_root
            sizes, errors = fleet.each(lambda session: _collect(session, root))
    for error in errors.values():
        raise error
    return tuple(Swept(name, gone[name], *sizes[name]) for name in gone)


def _delete(client: RegistryClient, one: Sweepable, tell: Callable[[str], None]) -> int:
    tell(f"{one.host}: {len(one.sweep.manifests)} manifests")
    return sweep(client, one.sweep)


def _collect(session: SSHSession, root: str) -> tuple[int, int]:
    size = f"du -sk {shlex.quote(root)} | cut -f1"
    words = f"journalctl --unit {UNIT} --lines 5 --no-pager --output cat >&2"
    script = f"{size}; systemctl start {UNIT} || {{ {words}; exit 1; }}; {size}"
    code, out, err = session.run(script, timeout=PATIENCE)
    numbers = out.decode().split()
    if code or len(numbers) != 2:  # noqa: PLR2004 - before and after
        raise BundleError(
            "the registry did not collect what is not needed any more",
            where=f"host/{session.name}, {UNIT}",
            why=err.decode(errors="replace").strip(),
            hint="put that right and run the same command again; nothing that is needed was deleted",
        )
    return int(numbers[0]), int(numbers[1])


def _running(context: Context) -> frozenset[str]:
    """References of all images that workloads name, by either name; none before there is a cluster."""
    from slipway.cluster.condition.workloads import named_images

    if not _has_cluster(context):
        return frozenset()
    site = site_prefix(context.configuration)
    return frozenset(parse(image.removeprefix(site)).reference for image in named_images(context.client()))


def _packs(context: Context) -> list[Pack]:
    """What the site's own sources of modules have in the registry."""
    configuration = context.configuration
    site = partial(site_source, configuration, context.secrets, context.state)
    sources, trusted = configuration.spec.module_sources, configuration.spec.bundle.trusted_keys
    return [pack_at(site, name, one.digest, trusted) for name, one in sources.items() if one.digest]


def _has_cluster(context: Context) -> bool:
    return context.kubeconfig is None or context.kubeconfig.exists()


def _client(context: Context, host: Host) -> RegistryClient:
    return push_client(context.configuration, context.secrets, context.state, host)
