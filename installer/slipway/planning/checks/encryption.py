"""The keys by which a cluster's Secrets are encrypted: with others nobody reads them any more."""

from collections.abc import Iterator

from slipway.errors import Finding
from slipway.findings import FindingCode
from slipway.model.configuration import Configuration
from slipway.model.observed import Observed
from slipway.model.placeholders import SecretValue
from slipway.planning import hardening
from slipway.planning.digests import parts
from slipway.planning.encryption import KEY_PART, known_parts
from slipway.planning.roles.kubernetes import ENCRYPTION_FIELD
from slipway.settings import ENCRYPTION_KEYS


def encryption_findings(configuration: Configuration, observed: Observed) -> Iterator[Finding]:
    """Keys that control planes have and that are here otherwise, or not; and the wanted one, if nobody has it."""
    strange = {plane.name: sorted(_strange(observed, plane.name)) for plane in configuration.control_planes}
    for plane, names in strange.items():
        for name in names:
            yield Finding(
                f"host/{plane}",
                f"has another {name} for the cluster's Secrets than secrets/{ENCRYPTION_KEYS}/{name}",
                expected="the key by which Secrets were written",
                hint=f"bring it back: it lies in {hardening.FILES}/encryption-*.yaml on control planes, and in the "
                f"Secret {ENCRYPTION_KEYS} of the cluster",
                code=FindingCode.ENCRYPTION_KEY,
            )
    kubernetes = configuration.spec.kubernetes
    wanted = hardening.key_of(kubernetes.secrets_key) if kubernetes and configuration.hosts else ""
    missing = isinstance(wanted, SecretValue) and wanted.reference not in observed.secrets
    if isinstance(wanted, SecretValue) and missing and not any(strange.values()):
        yield Finding(
            ENCRYPTION_FIELD,
            f"there is no {wanted.reference} by which to write Secrets",
            expected="a key that Slipway made beside cluster.yaml",
            hint="run slipway apply where cluster.yaml and secrets/ lie: it makes the key, and gives it to the cluster",
            code=FindingCode.ENCRYPTION_KEY,
        )


def _strange(observed: Observed, plane: str) -> set[str]:
    """Names of keys that a control plane has been given, or was about to be, and that are here otherwise, or not."""
    found = set()
    for known in known_parts(observed, plane):
        for part in (part for part in known if part.startswith(KEY_PART)):
            name = part.removeprefix(KEY_PART).partition(".")[2]
            if parts({part: hardening.key_of(name)}, observed.secrets)[part] != known[part]:
                found.add(name)
    return found
