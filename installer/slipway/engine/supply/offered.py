"""Which modules a site can have that the release of this machine does not know: asked before anything is opened."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from slipway.api import read
from slipway.bundle.form import manifest as manifests
from slipway.bundle.site.filecache import FileCache
from slipway.bundle.site.source import SITE, ArtifactSource, DirectorySource
from slipway.bundle.verify.signing import Verified
from slipway.catalog import Catalog, Module, load, load_beside
from slipway.engine.registry import site_source
from slipway.engine.supply.sourced import supply_of
from slipway.errors import BundleError, SlipwayError
from slipway.model.bundle import Artifact, BundleManifest
from slipway.model.configuration import Configuration
from slipway.secrets import SecretStore
from slipway.settings import Workspace, cache_dir


class KeptSource:
    """What this machine keeps of the bundle that it planned with last: its manifest, and the files that were used."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.cache = FileCache(cache_dir() / SITE)

    def verified(self) -> Verified:
        """It was verified when it was kept, and is not again."""
        raise BundleError("what is kept of a bundle is none", where=str(self.directory))

    def manifest(self) -> BundleManifest:
        """The copy."""
        return manifests.read(self.directory)

    def path(self, artifact: Artifact) -> Path:
        """The file in the cache; BundleError where it is not there."""
        return self.cache.path(artifact, partial(_absent, artifact))


def catalog_of_site(file: Path) -> Catalog:
    """What the site of a ClusterConfiguration can have, as far as anybody says so now.

    Raises:
        ConfigurationError: the file, or a directory that it names, is not right.
    """
    configuration = read.load(file)
    release = load_beside(configuration.spec.module_sources, file)
    return offered_catalog(release, configuration, Workspace(file, configuration.name), None)


def module_of_site(file: Path, name: str) -> Module:
    """The module of that name: of the release where it has it, for which nobody is asked.

    Raises:
        ConfigurationError: there is none, or the file is not right.
    """
    release = load()
    return release.modules.get(name) or catalog_of_site(file).named(name)


def offered_catalog(
    release: Catalog, configuration: Configuration, workspace: Workspace, bundle: Path | None
) -> Catalog:
    """The release with the modules of the bundle that is given, or else that the site has, or had last."""
    for opened in _sources(configuration, workspace, bundle):
        try:
            source = opened()
            site = partial(site_source, configuration, SecretStore(workspace.secrets), workspace.state)
            return supply_of(release, configuration, source.manifest(), source, site).catalog
        except SlipwayError:
            continue  # whoever needs the bundle itself says what is wrong with it
    return release


def _sources(
    configuration: Configuration, workspace: Workspace, bundle: Path | None
) -> Iterator[Callable[[], ArtifactSource]]:
    trusted = configuration.spec.bundle.trusted_keys
    store = SecretStore(workspace.secrets)
    if bundle:
        yield partial(DirectorySource, bundle, trusted, None, cache_dir())
    else:
        yield partial(site_source, configuration, store, workspace.state)
    if (workspace.state / manifests.FILE).is_file():
        yield partial(KeptSource, workspace.state)


def _absent(artifact: Artifact, target: Path) -> None:
    raise BundleError(f"{artifact.kind} {artifact.reference} is not kept on this machine", where=str(target))
