"""A run takes the modules of its bundle and of the site's own sources, once it knows the bundle."""

from functools import partial

from slipway.api import read
from slipway.engine.context import Context
from slipway.engine.registry import site_source
from slipway.engine.supply.sourced import supply_of


def take_modules(context: Context) -> None:
    """From now on the context's catalog has the modules of its site, before those of the release.

    Raises:
        BundleError: one cannot be had.
        ConfigurationError: these do not know what the configuration says of them.
    """
    release = context.release or context.catalog
    configuration = context.configuration
    site = partial(site_source, configuration, context.secrets, context.state)
    found = supply_of(release, configuration.site, context.verified.manifest, context.source, site)
    findings = () if configuration.cluster else found.findings  # whose sources they are is told
    if found.catalog is not context.catalog:
        findings = (*findings, *found.catalog.check(configuration))
    if findings:
        raise read.refusal(findings, where=f"{configuration.name}, with the modules of its site")
    context.supply(release, found.packs, found.catalog)
