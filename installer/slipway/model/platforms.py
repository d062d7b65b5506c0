"""The platforms of hosts, and what each of those who have to do with them calls them."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Platform:
    """Linux on one kind of processor."""

    architecture: str
    """As Debian, Go, OCI and a ClusterConfiguration say."""
    machine: str
    """As `uname -m`, RPM and wheels say."""
    loader: str
    """Name of glibc's program loader."""

    @property
    def name(self) -> str:
        """As linux/amd64."""
        return f"linux/{self.architecture}"

    @property
    def triplet(self) -> str:
        """Debian's directory of its libraries, and what cross compilers are called by."""
        return f"{self.machine}-linux-gnu"

    @property
    def suffix(self) -> str:
        """What tells names of its things from those of AMD64, which have none."""
        return "" if self == AMD64 else f"-{self.architecture}"

    def words(self, text: str) -> str:
        """A pinned text with the platform's own names in it."""
        return text.replace("{triplet}", self.triplet).replace("{loader}", self.loader)


AMD64: Final = Platform("amd64", "x86_64", "ld-linux-x86-64.so.2")
ARM64: Final = Platform("arm64", "aarch64", "ld-linux-aarch64.so.1")
#: All that there are, the one that everything is for where nothing is said first.
PLATFORMS: Final = (AMD64, ARM64)
#: In the place of platforms: an image's index as it is, with all that it has.
ALL: Final = "all"
BY_NAME: Final = {platform.name: platform for platform in PLATFORMS}
BY_ARCHITECTURE: Final = {platform.architecture: platform for platform in PLATFORMS}


def of_machine(machine: str) -> Platform | None:
    """By what `uname -m` says; None where it is another."""
    return next((found for found in PLATFORMS if machine in {found.machine, found.architecture}), None)
