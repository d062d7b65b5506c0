"""`slipway catalog push`: modules of a site's own into its registry, where a digest names them from then on."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from slipway.bundle.site.packs import Pack, home_of, pack_at
from slipway.bundle.site.push import PushReceipt, push
from slipway.bundle.site.source import SiteSource
from slipway.bundle.site.stock import DirectoryStock
from slipway.bundle.verify.signing import signed_manifest
from slipway.engine.context import Context
from slipway.engine.registry import push_client, site_source
from slipway.engine.supply.bundled import catalog_of_bundle
from slipway.engine.supply.sourced import pack_findings
from slipway.errors import BundleError
from slipway.model.bundle import ArtifactKind


@dataclass(frozen=True, slots=True)
class PushedPack:
    """What the site's ClusterConfiguration names it by, the modules in it, and what each registry copied."""

    source: str
    digest: str
    modules: tuple[str, ...]
    receipts: tuple[PushReceipt, ...]


def push_pack(
    context: Context,
    directory: Path,
    source: str,
    *,
    tell: Callable[[str], None],
    cancelled: Callable[[], bool] = lambda: False,
) -> PushedPack:
    """Push it to every registry of the site, after it was found fit beside what the site has.

    Raises:
        BundleError: it is not signed as the site asks, or would stand in for something that is there.
    """
    configuration, site = context.configuration.site, partial(_site, context)
    trusted, others = configuration.spec.bundle.trusted_keys, []
    found = signed_manifest(directory, trusted)
    held = site().manifest()
    catalog = catalog_of_bundle(context.catalog, held, site())
    for name, one in configuration.spec.module_sources.items():
        if one.digest and name != source:
            others.append(pack_at(site, name, one.digest, trusted))
            catalog = catalog_of_bundle(catalog, others[-1].manifest, site())
    if findings := pack_findings(Pack(source, found.manifest), catalog, held, others):
        raise BundleError(
            "these modules cannot be beside what the site has", where=str(directory), findings=tuple(findings)
        )
    receipts = tuple(
        push(
            DirectoryStock(directory, found),
            push_client(configuration, context.secrets, context.state, host),
            home=home_of(source),
            progress=tell,
            cancelled=cancelled,
        )
        for host in configuration.registry_hosts or (None,)
    )
    modules = [one.name for one in found.manifest.artifacts if one.kind is ArtifactKind.MODULE]
    return PushedPack(source, receipts[0].manifest, tuple(modules), receipts)


def _site(context: Context) -> SiteSource:
    return site_source(context.configuration, context.secrets, context.state)
