"""Which bundle a site took last, and whether another one is older: it has what was mended since.

A signature's serial only rises. An older bundle is taken where somebody says why; it stays taken until another one is,
and what is older than the newest stays refused.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from slipway.bundle.verify.signing import SERIALS, Verified
from slipway.digests import is_digest
from slipway.errors import BundleError

ACCEPTED_FORMAT: Final = 1
#: Reasons that are kept, the newest.
KEPT: Final = 20


@dataclass(frozen=True, slots=True)
class Waiver:
    """An older bundle that was taken all the same: when (ISO 8601), its serial and digest, and why."""

    at: str
    serial: int
    bundle: str
    reason: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """`serial`: the highest that was ever taken; `bundle`: digest of the bundle that was taken last."""

    serial: int = 0
    bundle: str = ""
    waivers: tuple[Waiver, ...] = ()

    @classmethod
    def read(cls, text: str | bytes, where: str) -> "Accepted":
        """What `text` says.

        Raises:
            BundleError: it says nothing of the kind.
        """
        try:
            return cls._of(json.loads(text))
        except (ValueError, LookupError, TypeError, RecursionError) as exc:
            raise unreadable(where, exc) from exc

    @classmethod
    def _of(cls, data: Mapping[str, Any]) -> "Accepted":
        serial, bundle = data["serial"], str(data["bundle"])
        if data["format"] != ACCEPTED_FORMAT:
            raise ValueError(f"its format is {data['format']!r}")
        if type(serial) is not int or serial not in SERIALS or not is_digest(bundle):
            raise ValueError(f"{serial!r} of {bundle!r} is no bundle that was taken")
        return cls(serial, bundle, tuple(Waiver(**item) for item in data["waivers"]))

    def dump(self) -> str:
        """As JSON, for `read`."""
        return json.dumps({"format": ACCEPTED_FORMAT, **asdict(self)}, indent=1) + "\n"

    def after(self, bundle: Verified, at: str, reason: str = "") -> "Accepted":
        """The same once a bundle is taken; `reason`: why, where it is an older one."""
        assert bundle.seal is not None  # noqa: S101 - of a bundle without keys nothing is remembered
        serial, digest = bundle.seal.serial, bundle.manifest.digest
        waiver = (Waiver(at, serial, digest, reason),) if self.is_newer(bundle) else ()
        return Accepted(max(self.serial, serial), digest, (*self.waivers, *waiver)[-KEPT:])

    def is_newer(self, bundle: Verified) -> bool:
        """Whether a newer bundle was taken than this one, and this is not the one that was taken last."""
        serial = bundle.seal.serial if bundle.seal else 0
        return serial < self.serial and bundle.manifest.digest != self.bundle


def unreadable(where: str, exc: Exception) -> BundleError:
    """Such a record, and why it says nothing."""
    hint = "see that the bundle is the newest that there is, then remove this record; it is made again"
    what, why = "which bundle was taken last cannot be read", f"{type(exc).__name__}: {exc}"
    return BundleError(what, where=where, why=why, hint=hint)


def later_of(here: Accepted, cluster: Accepted) -> Accepted:
    """Of two records the one that knows more; the cluster's, which all machines write, where both know of the same."""
    return cluster if cluster.bundle and cluster.serial >= here.serial else here


def refuse_stale(bundle: Verified, accepted: Accepted, site: str, reason: str = "") -> None:
    """Refuse a signed bundle that is for another site, or older than the one taken last unless there is a reason.

    Raises:
        BundleError: why it is not taken.
    """
    seal = bundle.seal
    if seal is None:
        return
    if seal.site not in {"", site}:
        why = f"it was signed for {seal.site}, and this is {site}"
        hint = f"have it signed for this site: slipway bundle sign DIR --key FILE --site {site}"
        raise BundleError("the bundle is for another site", where=bundle.where, why=why, hint=hint)
    if accepted.is_newer(bundle) and not reason:
        why = f"it was {_signed_at(seal.serial)}; one that was taken was {_signed_at(accepted.serial)}"
        hint = (
            "bring a newer one; if an older one is meant: slipway install --bundle DIR --allow-older REASON"
        )
        raise BundleError(
            "the bundle is older than the one that this site took last",
            where=bundle.where,
            why=why,
            hint=hint,
        )


def _signed_at(serial: int) -> str:
    """For people; serials that no calendar has are said as numbers."""
    try:
        moment = datetime.fromtimestamp(serial, UTC) if serial else None
    except (ValueError, OverflowError, OSError):
        return f"signed with the serial {serial}"
    return f"signed at {moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "signed without a serial"
