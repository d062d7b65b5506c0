"""The site registry as the configuration describes it: its client for reading, its client for pushing."""

from pathlib import Path

from slipway.bundle.registry.client import RegistryClient, RegistryError
from slipway.bundle.site.source import RegistrySource, SiteSource
from slipway.errors import BundleError
from slipway.model.codes import RefusalCode
from slipway.model.configuration import Configuration
from slipway.model.fields import SecretRef
from slipway.model.host.items import Host
from slipway.model.observed import RegistryObserved
from slipway.secrets import REGISTRY, Secrets, text_of
from slipway.settings import cache_dir

#: Codes after which a registry simply holds nothing yet.
EMPTY_CODES = {RefusalCode.NOT_FOUND}


def push_client(
    configuration: Configuration, secrets: Secrets, state: Path, host: Host | None
) -> RegistryClient:
    """A client with the push account; for the built-in registry at the push port of one of its hosts."""
    return _client(configuration, secrets, state, host, push=True)


def site_source(configuration: Configuration, secrets: Secrets, state: Path) -> SiteSource:
    """Artifacts from the site registry or its replica, each fetched once into the local cache."""
    configuration = configuration.site
    hosts = configuration.registry_hosts or (None,)
    return SiteSource([registry_source(configuration, secrets, state, host) for host in hosts])


def registry_source(
    configuration: Configuration, secrets: Secrets, state: Path, host: Host | None
) -> RegistrySource:
    """The same from one host of the registry; None: from one that is not ours."""
    client = _client(configuration, secrets, state, host, push=False)
    return RegistrySource(client, cache_dir(), configuration.spec.bundle.trusted_keys)


def observe_registry(source: RegistrySource) -> RegistryObserved:
    """Which bundle the registry holds, or why it cannot be read."""
    try:
        held = source.manifest()
    except RegistryError as error:
        reachable = error.code in EMPTY_CODES
        text = f"{error.what}: {error.why}" if error.why else error.what
        return RegistryObserved(reachable=reachable, error_code=error.code, error=text)
    except BundleError as error:
        # Not signed, or not by a trusted key: for a plan as good as none, so that a push of one that is replaces it.
        return RegistryObserved(
            reachable=True, error=f"{error.what}: {error.why}" if error.why else error.what
        )
    return RegistryObserved(reachable=True, bundle=held.digest)


def _client(
    configuration: Configuration, secrets: Secrets, state: Path, host: Host | None, *, push: bool
) -> RegistryClient:
    registry = configuration.spec.registry
    if host:
        port = registry.push_port if push else registry.port
        url, address = f"https://{registry.name}:{port}", host.address
        account, ca = f"{REGISTRY}/{'push' if push else 'pull'}", f"{REGISTRY}/ca.crt"
    else:
        url, address = registry.endpoint or f"https://{registry.name}:{registry.port}", None
        account = _path(registry.push_ref if push else registry.pull_ref)
        ca = _path(registry.ca_ref)
    user, _, password = text_of(secrets, account).strip().partition(":") if account else ("", "", "")
    return RegistryClient(
        url, _ca_file(secrets, ca, state), user, password, address, project=registry.project or ""
    )


def _ca_file(secrets: Secrets, reference: str, state: Path) -> Path | None:
    """The registry's authority as a file, since TLS libraries want one; it is no secret."""
    if not reference:
        return None
    path = state / "registry-ca.crt"
    content = secrets.read(reference)
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(content)
    return path


def _path(reference: SecretRef | None) -> str:
    return f"{reference.name}/{reference.key}" if reference else ""
