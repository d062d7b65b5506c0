"""The licence of Slipway itself."""

from importlib.metadata import metadata
from typing import Final

from slipway.bundle.licences.wheels import of_metadata

DISTRIBUTION: Final = "slipway-installer"


def own_licence() -> str:
    """As its own distribution says."""
    return of_metadata(str(metadata(DISTRIBUTION)))
