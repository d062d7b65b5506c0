"""Secrets as a plan knows them: by HMACs of what steps mention; and the one that is made for an edit."""

from collections.abc import Iterable, Iterator

from slipway.engine.context import Context
from slipway.errors import SlipwayError
from slipway.model.observed import ClusterObserved, Observed
from slipway.planning import hardening
from slipway.planning.digests import references
from slipway.planning.encryption import keys_known
from slipway.planning.roles import role_variables, roles_of
from slipway.secrets import SITE_KEY, SecretStore, digests_of, ensure_encryption_key, site_key


def make_encryption_key(context: Context, known: Observed) -> None:
    """The key by which a living cluster is to write Secrets from now on, where no control plane has one of its name.

    The operator makes none: whoever edits the ClusterConfiguration with a command line has it.
    """
    kubernetes, store = context.configuration.spec.kubernetes, context.secrets
    if kubernetes is None or not kubernetes.encrypt_secrets or not isinstance(store, SecretStore):
        return
    if kubernetes.secrets_key not in keys_known(context.configuration, known):
        ensure_encryption_key(store, kubernetes.secrets_key)


def secret_digests(context: Context, known: Observed) -> dict[str, str]:
    """HMACs of every secret that some step mentions, and of the keys by which Secrets are or were written."""
    configuration, wanted = context.configuration, {SITE_KEY}
    keys = keys_known(configuration, known) | {*_former_keys(context)}
    wanted |= references([hardening.key_of(name) for name in keys])
    for host in configuration.hosts:
        for role in roles_of(configuration, host):
            wanted |= references(role_variables(configuration, context.manifest, host, role))
    wanted |= configuration.login_references
    key, own = site_key(context.secrets), context.own_secrets or context.secrets
    given = digests_of(own, sorted(configuration.module_references), key)
    return digests_of(context.secrets, sorted(wanted), key) | given


def _former_keys(context: Context) -> Iterator[str]:
    """Old copies of etcd are read by them, so the cluster keeps them too."""
    kubernetes = context.configuration.spec.kubernetes
    if kubernetes and context.configuration.hosts:
        yield from (f"key{number}" for number in range(1, kubernetes.encryption_key))


def stored_digests(
    context: Context, cluster: ClusterObserved, references: Iterable[str]
) -> dict[str, str] | None:
    """HMACs of the same secrets as the operator reads them, where they were put into the cluster from here."""
    from slipway.cluster.own.secretstore import SecretReader

    if context.document is None or not (cluster.reachable and cluster.settings):
        return None
    try:
        return digests_of(SecretReader(context.client()), references, site_key(context.secrets))
    except SlipwayError:  # who may not read Secrets plans without
        return None
