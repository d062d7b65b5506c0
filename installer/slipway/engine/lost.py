"""A cluster that is there, without the secrets that it was made with: what needs none of them goes on."""

from dataclasses import dataclass
from pathlib import Path

from slipway.bundle.site.source import ArtifactSource
from slipway.bundle.verify.signing import Verified
from slipway.errors import ConfigurationError
from slipway.model.bundle import Artifact, BundleManifest
from slipway.secrets import SITE_KEY, SecretStore


class LostSecrets(SecretStore):
    """In their place: whoever asks for one is told, and none is made."""

    def __init__(self, directory: Path, *, kubeconfig: Path) -> None:
        super().__init__(directory)
        self._kubeconfig = kubeconfig

    def read(self, reference: str) -> bytes:
        """Always a ConfigurationError."""
        del reference
        raise self.error()

    def write(self, reference: str, value: bytes) -> None:
        """The same."""
        del reference, value
        raise self.error()

    def site_registry(self) -> ArtifactSource:
        """Nobody can ask it without its account."""
        return _LostRegistry(self)

    def error(self) -> ConfigurationError:
        """What is not here, how that is known, and what to do."""
        return ConfigurationError(
            "the secrets with which this cluster was made are not here",
            where=str(self.directory),
            why=f"it has no {SITE_KEY}, and {self._kubeconfig} is of a cluster that was made with one",
            hint="bring the directory back from where it was, or name it: SLIPWAY_SECRETS=DIR",
        )


@dataclass(frozen=True, slots=True)
class _LostRegistry:
    secrets: LostSecrets

    def verified(self) -> Verified:
        raise self.secrets.error()

    def manifest(self) -> BundleManifest:
        raise self.secrets.error()

    def path(self, artifact: Artifact) -> Path:
        del artifact
        raise self.secrets.error()
