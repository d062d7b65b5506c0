"""A bundle without what a site has already: delta.json says what is left out, and where in the site registry it is.

bundle.yaml is that of the whole bundle, so a delta is signed, compared and pushed as the whole is.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from slipway.bundle.form import names
from slipway.digests import is_digest
from slipway.errors import BundleError
from slipway.landing import land
from slipway.model.bundle import BundleManifest
from slipway.smallfiles import json_of

FILE: Final = names.DELTA
DELTA_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Delta:
    """`absent`: digests that the directory does not carry, each with a repository of the site that has it."""

    absent: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, directory: Path, manifest: BundleManifest) -> "Delta":
        """Of a bundle directory; nothing is absent where there is no such file.

        Raises:
            BundleError: the file is damaged, newer, or of another bundle.
        """
        path = directory / FILE
        try:
            data = json_of(path)
            found, bundle = data["format"], data["bundle"]
            absent = {str(digest): str(repository) for digest, repository in data["absent"].items()}
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
            raise _useless("this says nothing about a delta", path, f"{type(exc).__name__}: {exc}") from exc
        strange = [name for item in absent.items() for name in _strange(*item)]
        if strange:
            raise _useless("this says nothing about a delta", path, f"it names {strange[0]!r}")
        if found != DELTA_FORMAT:
            raise _useless("the delta is of another Slipway", path, f"its format is {found!r}")
        if bundle != manifest.digest:
            raise _useless("the delta is of another bundle", path, f"it belongs to {bundle}")
        return cls(absent)

    def write(self, directory: Path, manifest: BundleManifest) -> None:
        """By rename; removed where nothing is absent."""
        path = directory / FILE
        if not self.absent:
            path.unlink(missing_ok=True)
            return
        absent = dict(sorted(self.absent.items()))
        data = {"format": DELTA_FORMAT, "bundle": manifest.digest, "absent": absent}
        land(path, json.dumps(data, indent=1) + "\n")


def _strange(digest: str, repository: str) -> list[str]:
    right = {digest: is_digest(digest), repository: names.is_repository(repository)}
    return [text for text, known in right.items() if not known]


def _useless(what: str, path: Path, why: str) -> BundleError:
    hint = "copy it again, or build it again with the same --since"
    return BundleError(what, where=str(path), why=why, hint=hint)
