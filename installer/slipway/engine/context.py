"""Everything one run works with, opened once: configuration, catalog, artifacts, secrets, ways to hosts and cluster.

The command line opens it from cluster.yaml and its neighbours, the operator from the cluster it runs in; from here
on there is no difference between the two.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway import catalog
from slipway.api import read
from slipway.bundle.registry.client import RegistryError
from slipway.bundle.site.packs import Pack, contents_of
from slipway.bundle.site.source import ArtifactSource, DirectorySource
from slipway.bundle.verify.freshness import Accepted, later_of, refuse_stale
from slipway.bundle.verify.signing import Verified
from slipway.catalog import Catalog
from slipway.engine.foreign import refuse_other_key
from slipway.engine.freshness import accepted_here
from slipway.engine.lost import LostSecrets
from slipway.engine.registry import site_source
from slipway.engine.supply.offered import offered_catalog
from slipway.errors import ConfigurationError
from slipway.holders import this_process
from slipway.model import paths
from slipway.model.bundle import Artifact, BundleManifest
from slipway.model.codes import RefusalCode
from slipway.model.configuration import Configuration
from slipway.model.hostkeys import HostKey
from slipway.model.observed import LiveConfiguration, Observed
from slipway.probe.access import Logins
from slipway.runner import Standby, sweep
from slipway.secrets import (
    SITE_KEY,
    Secrets,
    SecretStore,
    ensure_encryption_key,
    ensure_key,
    ensure_site,
    text_of,
)
from slipway.settings import API_VERSION, Workspace, cache_dir

if TYPE_CHECKING:
    from slipway.cluster.rest.client import Client


@dataclass(frozen=True, slots=True)
class Edit:
    """An edit of the file by a command; it overrules who set `field`, a path below spec, otherwise in the cluster.

    `before` is the document as it was: a field that the cluster has like that nobody else changed.
    """

    before: Mapping[str, Any]
    field: paths.FieldPath


@dataclass(slots=True, eq=False)
class Context:
    """One run's surroundings. `document` is the user's own text; None when the configuration came from the cluster.

    `kubeconfig` None means the pod's own ServiceAccount.
    """

    configuration: Configuration
    catalog: Catalog
    source: ArtifactSource
    secrets: Secrets
    state: Path
    kubeconfig: Path | None
    document: Mapping[str, Any] | None = None
    holder: str = field(default_factory=this_process)
    force_conflicts: bool = False
    allow_older: str = ""
    """Why a bundle is taken that is older than the last one; empty: it is not."""
    edit: "Edit | None" = None
    """What this command edited in the file; None: nothing."""
    own_secrets: Secrets | None = None
    """What steps may name, where this is not all that the site has: a team's own Secrets."""
    fetched_by: str = ""
    """Operation that fetched the kubeconfig of the cluster it made."""
    standby: Standby | None = None
    """A started run of the modules' playbook; None: each run starts its own."""
    on_first_contact: Callable[[HostKey], None] | None = None
    """Shows somebody the key of a host that was never met; None: nobody is there, and no such key is believed."""
    release: Catalog | None = None
    """The catalog before the bundle's modules were taken; None: none has been yet."""
    packs: tuple[Pack, ...] = ()
    """What modules of the site's own bring from the registry, as far as the catalog has them."""
    _keys_taken: bool = False
    _client: "Client | None" = None
    _ours: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _keys_lock: threading.Lock = field(default_factory=threading.Lock)
    _accepted: Accepted | None = None
    _verified: Verified | None = None
    _manifest: BundleManifest | None = None

    @property
    def known_hosts(self) -> Path:
        """The file of host keys that are believed; first it takes over what the cluster keeps of them."""
        from slipway.engine.hostkeys import take_host_keys

        with self._keys_lock:
            if not self._keys_taken:
                take_host_keys(self, self.state / "known_hosts")
                self._keys_taken = True
        return self.state / "known_hosts"

    @property
    def verified(self) -> Verified:
        """The bundle.yaml of this run: what is planned by it, kept of it and pushed is this one.

        Raises:
            BundleError: nobody who is trusted signed it, or it is of another site, or older than the last one.
        """
        if self._verified is None:
            try:
                found = self.source.verified()
            except RegistryError as error:
                if error.code in {RefusalCode.UNREACHABLE, RefusalCode.NOT_FOUND}:
                    error.hint = f"for a first install give the bundle: --bundle DIR; else {error.hint}"
                if error.code == RefusalCode.TLS and self.configuration.site.registry_hosts:
                    error.hint = (
                        "bring back the secrets with which this site's registry was made: secrets/ has others"
                    )
                raise
            self._refuse_stale(found)
            self._verified = found
        return self._verified

    @property
    def signed(self) -> Verified | None:
        """The bundle that this run has read, where keys vouch for it."""
        return self._verified if self._verified and self._verified.seal else None

    @property
    def manifest(self) -> BundleManifest:
        """What the bundle, or the site registry, holds."""
        if self._manifest is None:
            found = self.catalog.bundle_for(self.configuration, self.verified.manifest)
            self._manifest = replace(found, beside=contents_of(self.packs))
        return self._manifest

    def supply(self, release: Catalog, packs: tuple[Pack, ...], found: Catalog) -> None:
        """From now on the catalog has the modules of the bundle and of these packs, before those of a release."""
        self.release, self.packs, self.catalog, self._manifest = release, packs, found, None

    def path(self, artifact: Artifact) -> Path:
        """A local file with an artifact of the bundle, or of a module of the site's own."""
        if artifact in self.manifest.beside:
            return site_source(self.configuration, self.secrets, self.state).path(artifact)
        return self.source.path(artifact)

    @property
    def accepted(self) -> Accepted:
        """The bundle that the site took last, as far as is known."""
        if self._accepted is None:
            self._accepted = accepted_here(self.state)
        return self._accepted

    def learn_accepted(self, known: Accepted) -> None:
        """The cluster knows of a bundle that the site took.

        Raises:
            BundleError: that of this run is older.
        """
        self._accepted = later_of(self.accepted, known)
        self._refuse_stale(self.verified)

    def _refuse_stale(self, bundle: Verified) -> None:
        if bundle.seal:
            refuse_stale(bundle, self.accepted, self.configuration.site.name, self.allow_older)

    def live(self, observed: Observed) -> LiveConfiguration | None:
        """The ClusterConfiguration of this run as the cluster has it."""
        key = (self.configuration.namespace, self.configuration.name)
        found = observed.cluster.configurations
        return next((live for live in found if (live.namespace, live.name) == key), None)

    def live_document(self) -> dict[str, Any]:
        """The ClusterConfiguration to put into the cluster: the user's fields and no defaults."""
        return {
            "apiVersion": API_VERSION,
            "kind": read.KIND,
            "metadata": {"name": self.configuration.name, "namespace": self.configuration.namespace},
            "spec": (self.document or {}).get("spec") or {},
        }

    def refresh(self) -> None:
        """Forget what was read of the bundle: it may have been replaced."""
        self._verified = self._manifest = None

    def access(self) -> Logins:
        """How hosts are logged into.

        Raises:
            ConfigurationError: there are no hosts.
        """
        hosts = self.configuration.spec.hosts
        if hosts is None:
            raise ConfigurationError("the ClusterConfiguration has no hosts")
        return Logins(hosts.ssh, self.secrets, self.known_hosts, self.on_first_contact)

    def client(self) -> "Client":
        """The cluster's API; one connection pool for the whole run.

        Raises:
            ForeignClusterError: for a command line, it is another site's cluster.
        """
        from slipway.cluster.rest.client import connect

        with self._lock:
            if self._client is None:
                self._client = connect(self.kubeconfig)
            if self.document is not None and self.kubeconfig and not self._ours:
                refuse_other_key(self._client, self.secrets, self.kubeconfig)
                self._ours = True
            return self._client

    def forget_client(self) -> None:
        """The kubeconfig changed: connect anew next time."""
        with self._lock:
            self._client, self._ours = None, False

    def secret(self, reference: str) -> str:
        """A secret as text, for the runner."""
        return text_of(self.own_secrets or self.secrets, reference)


def open_context(
    file: Path,
    *,
    bundle: Path | None = None,
    force_conflicts: bool = False,
    allow_older: str = "",
    edit: "Edit | None" = None,
) -> Context:
    """Open cluster.yaml, its secrets, and the artifacts: of `bundle`, or of the site registry.

    What killed runs left in memory is taken away first.

    Raises:
        ConfigurationError: with every mistake in the file, its module names and settings included.
    """
    sweep()
    configuration = read.load(file)
    release = catalog.load_beside(configuration.spec.module_sources, file)
    workspace = Workspace(file, configuration.name)
    findings = release.check(configuration)
    if any(finding.path.startswith("spec.modules.") for finding in findings):
        findings = offered_catalog(release, configuration, workspace, bundle).check(configuration)
    if findings:
        raise read.refusal(findings, path=file)
    workspace.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = _store(configuration, workspace)
    trusted = configuration.spec.bundle.trusted_keys
    site = (
        store.site_registry
        if isinstance(store, LostSecrets)
        else partial(site_source, configuration, store, workspace.state)
    )
    kept = cache_dir() if trusted else None
    source = DirectorySource(bundle, trusted, site, kept) if bundle else site()
    return Context(
        configuration=configuration,
        catalog=release,
        source=source,
        secrets=store,
        state=workspace.state,
        kubeconfig=workspace.kubeconfig,
        document=read.document(file),
        force_conflicts=force_conflicts,
        allow_older=allow_older,
        edit=edit,
    )


def _store(configuration: Configuration, workspace: Workspace) -> SecretStore:
    """The secrets beside cluster.yaml; what Slipway makes itself is made now.

    Not where there is a cluster already: other secrets than those that it was made with would be a stranger's to all
    its hosts. What needs none goes on then.
    """
    store = SecretStore(workspace.secrets)
    living = workspace.kubeconfig.exists()
    if living and not store.exists(SITE_KEY):
        return LostSecrets(workspace.secrets, kubeconfig=workspace.kubeconfig)
    ensure_secrets(configuration, store)
    kubernetes = configuration.spec.kubernetes
    if kubernetes and kubernetes.encrypt_secrets and not living:
        ensure_encryption_key(store, kubernetes.secrets_key)
    return store


def ensure_secrets(configuration: Configuration, store: SecretStore) -> None:
    """Make what Slipway itself needs and the store does not have yet."""
    hosts = configuration.registry_hosts
    if hosts:
        addresses = tuple(address for host in hosts for address in host.served_at)
        ensure_site(store, registry_name=configuration.spec.registry.name, registry_addresses=addresses)
    else:
        ensure_key(store)
