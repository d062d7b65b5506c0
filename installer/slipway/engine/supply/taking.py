"""A run takes its bundle's modules, once it knows the bundle."""

from slipway.api import read
from slipway.engine.context import Context
from slipway.engine.supply.bundled import catalog_of_bundle


def take_modules(context: Context) -> None:
    """From now on the context's catalog has the modules of its bundle before those of the release.

    Raises:
        BundleError: one cannot be had.
        ConfigurationError: these do not know what the configuration says of them.
    """
    release = context.release or context.catalog
    found = catalog_of_bundle(release, context.manifest, context.source)
    if found is context.catalog:
        return
    if findings := found.check(context.configuration):
        raise read.refusal(findings, where=f"{context.configuration.name}, with the modules of the bundle")
    context.release, context.catalog = release, found
