"""Whether somebody whom the user has named vouches for an image: signatures that hang at it at its source."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from slipway.bundle.form.layout import MANIFESTS, stored_manifest
from slipway.bundle.ground.crew import Crew
from slipway.bundle.locks.images import PARALLEL, Locked
from slipway.bundle.registry import referrers
from slipway.bundle.registry.refusals import RegistryError
from slipway.bundle.registry.upstream import UpstreamImage, Upstreams
from slipway.bundle.vouch.layers import LIMIT, signature_layers
from slipway.bundle.vouch.signers import Signer, Signers
from slipway.bundle.vouch.strict import Unfit
from slipway.digests import is_digest
from slipway.errors import BundleError, Finding
from slipway.findings import FindingCode
from slipway.model.codes import RefusalCode

#: Manifests beside one image that are looked at.
MOST: Final = 100
#: Answers after which something beside an image counts as absent; others may be healed by time or an account.
_SAYS_NOTHING: Final = frozenset({RefusalCode.NOT_FOUND, RefusalCode.REFUSED, RefusalCode.DIGEST})
_HINT: Final = (
    "see whether the image, its key and the prefix are the right ones; until then neither take nor lock it"
)


@dataclass(frozen=True, slots=True)
class _Vouch:
    """By whom, and which manifest at the source says so."""

    key: str
    signature: str


def vouched(upstreams: Upstreams, found: Iterable[Locked], signers: Signers, now: datetime) -> list[Locked]:
    """The same entries of images; with the key that vouches for each under a prefix, and the digest that it signed.

    Raises:
        BundleError: naming each that nobody vouches for.
    """
    with Crew(PARALLEL, "signatures") as crew:
        tried = crew.each(lambda entry: _tried(upstreams, entry, signers, now), found)
    _refuse([problem for _, problem in tried], signers)
    return [entry for entry, _ in tried]


def check_vouched(upstreams: Upstreams, entries: Iterable[Locked], signers: Signers, now: datetime) -> None:
    """Refuse entries of a lock that are not vouched for as they say: asked again at the source, by digest.

    Raises:
        BundleError: naming each.
    """
    with Crew(PARALLEL, "signatures") as crew:
        problems = crew.each(lambda entry: _problem(upstreams, entry, signers, now), entries)
    _refuse(problems, signers)


def _refuse(problems: Iterable[tuple[str, str]], signers: Signers) -> None:
    """Of each its image and what is wrong with it; empty: nothing."""
    findings = tuple(
        Finding(f"image/{image}", problem, code=FindingCode.UNSIGNED)
        for image, problem in problems
        if problem
    )
    if findings:
        what = "images are not signed by those who have to vouch for them"
        raise BundleError(what, where=signers.where, findings=findings, hint=_HINT)


def _tried(
    upstreams: Upstreams, entry: Locked, signers: Signers, now: datetime
) -> tuple[Locked, tuple[str, str]]:
    """The entry with who vouches for it, or what is wrong with each signature that there is."""
    chosen, place = signers.of(entry.name), upstreams.place(entry.image)
    if not chosen:
        return entry, ("", "")
    reasons: list[str] = []
    for digest in dict.fromkeys((entry.digest, entry.tagged)):
        for reference in _beside(place, digest, reasons):
            found = _judged(place, reference, entry.image, digest, chosen, now, reasons)
            if found:
                return replace(entry, signed=digest, signature=found.signature, key=found.key), ("", "")
    return entry, (entry.image, _nobody(entry, reasons))


def _problem(upstreams: Upstreams, entry: Locked, signers: Signers, now: datetime) -> tuple[str, str]:
    chosen = signers.of(entry.name)
    if not chosen and not entry.key:
        return "", ""
    if not chosen:
        return (
            entry.image,
            f"is locked with the signature of {entry.key}, and no key is configured for it now",
        )
    if not entry.key:
        return entry.image, "is locked without a signature: lock it again, now that a key is configured"
    place, reasons = upstreams.place(entry.image), list[str]()
    if entry.signed != entry.digest and not _has(place, entry):
        return entry.image, f"is locked with a signature of something else: {entry.signed}"
    found = _judged(place, entry.signature, entry.image, entry.signed, chosen, now, reasons)
    if found is None:
        return entry.image, _nobody(entry, reasons)
    other = found.key != entry.key
    return (entry.image, f"is signed by {found.key}, and locked with {entry.key}") if other else ("", "")


def _has(place: UpstreamImage, entry: Locked) -> bool:
    """Whether what is signed is the index that the tag named, and it has the image that is carried."""
    if entry.signed != entry.tagged or not is_digest(entry.tagged):
        return False
    try:
        text, _ = place.client.get_manifest(place.repository, entry.tagged)
        return entry.digest in stored_manifest(text).children
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def _nobody(entry: Locked, reasons: list[str]) -> str:
    told = "; ".join(dict.fromkeys(reasons)) or "no signature hangs at it"
    return f"nobody configured vouches for {entry.tagged} at {entry.source}: {told}"


def _beside(place: UpstreamImage, digest: str, reasons: list[str]) -> Iterator[str]:
    """Tags and digests of manifests that may have a signature of this one."""
    yield f"{referrers.list_tag(digest)}{referrers.SIGNATURES}"
    try:
        listed = referrers.referrers_of(place.client, place.repository, digest)
    except BundleError as error:
        if isinstance(error, RegistryError) and error.code not in _SAYS_NOTHING:
            raise
        reasons.append(f"{error.what}: {error.why}")
        return
    found = [item["digest"] for item in listed if item.get("mediaType") in MANIFESTS]
    if len(found) > MOST:
        reasons.append(f"only {MOST} of the {len(found)} manifests beside it were looked at")
    yield from (item for item in found[:MOST] if is_digest(item))


def _judged(
    place: UpstreamImage,
    reference: str,
    image: str,
    digest: str,
    signers: Iterable[Signer],
    now: datetime,
    reasons: list[str],
) -> _Vouch | None:
    """Who vouches by this manifest of signatures; None: nobody, for `reasons`."""
    try:
        text, own = place.client.get_manifest(place.repository, reference, LIMIT)
        layers = signature_layers(text)
    except RegistryError as error:
        _note(error, reference, reasons)
        return None
    except Unfit as unfit:
        reasons.append(f"{reference} {unfit}")
        return None
    for layer in layers:
        try:
            content = place.client.read_blob(place.repository, layer.digest, LIMIT)
        except RegistryError as error:
            _note(error, layer.digest, reasons)
            continue
        for signer in signers:
            try:
                return _Vouch(signer.fingerprint(layer, content, image, digest, now), own)
            except Unfit as unfit:
                reasons.append(f"{layer.digest} {unfit}")
    return None


def _note(error: RegistryError, reference: str, reasons: list[str]) -> None:
    """Why something beside an image says nothing; a registry that cannot be asked ends all."""
    if error.code not in _SAYS_NOTHING:
        raise error
    if error.code is not RefusalCode.NOT_FOUND:
        reasons.append(f"{reference} cannot be had: {error.what} ({error.why})")
