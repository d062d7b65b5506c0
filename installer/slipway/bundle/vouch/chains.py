"""Chains of certificates for signatures of code, from the signer's to one that the user configured."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from slipway.bundle.vouch.strict import Unfit, shown
from slipway.digests import digest_of

Kind = TypeVar("Kind", bound=x509.ExtensionType)

#: Certificates of a chain; publishers have three or four.
LONGEST: Final = 10
#: Extensions whose meaning is looked at here; of others none may be critical.
_KNOWN: Final = frozenset(
    {ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE}
)
#: Hashes that a certificate may be signed with.
_HASHES: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


@dataclass(frozen=True, slots=True)
class Authorities:
    """Certificates that the user trusts, by fingerprint: sha256 of the certificate as DER."""

    certificates: tuple[tuple[str, x509.Certificate], ...]

    def fingerprint(self, certificate: x509.Certificate) -> str:
        """Of one of these; empty for another."""
        return next((name for name, known in self.certificates if known == certificate), "")


def authorities_of(pem: bytes) -> Authorities:
    """All certificates of a PEM file.

    Raises:
        Unfit: it has none.
    """
    try:
        found = x509.load_pem_x509_certificates(pem)
    except ValueError as exc:
        raise Unfit(f"has no certificate in PEM form: {exc}") from exc
    return Authorities(tuple((digest_of(item.public_bytes(Encoding.DER)), item) for item in found))


def trusted_chain(chain: list[x509.Certificate], authorities: Authorities, now: datetime) -> str:
    """Accept certificates of which each was issued by the next one, up to a trusted one; its fingerprint.

    Raises:
        Unfit: they do not lead to one, or one of them may not do what it did.
    """
    if len(chain) > LONGEST:
        raise Unfit("has more certificates than any chain")
    place = next((place for place, item in enumerate(chain) if authorities.fingerprint(item)), None)
    if place is None:
        raise Unfit(f"leads to none of the configured certificates: it is by {_name(chain[0])}")
    used = chain[: place + 1]
    try:
        _check_leaf(chain[0])
        for item in used:
            _check_certificate(item, now)
        for depth, (item, issuer) in enumerate(pairwise(used)):
            _check_issued(item, issuer, depth)
    except Unfit:
        raise
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension) as exc:
        raise Unfit(f"has a certificate that cannot be read: {shown(str(exc))}") from exc
    return authorities.fingerprint(chain[place])


def _check_leaf(leaf: x509.Certificate) -> None:
    """Accept a certificate that may sign code."""
    usage = _extension(leaf, x509.KeyUsage)
    if usage is None or not usage.digital_signature:
        raise Unfit(f"is by a certificate that may not sign: {_name(leaf)}")
    extended = _extension(leaf, x509.ExtendedKeyUsage)
    if extended is not None and ExtendedKeyUsageOID.CODE_SIGNING not in extended:
        raise Unfit(f"is by a certificate that is not for code: {_name(leaf)}")


def _check_certificate(item: x509.Certificate, now: datetime) -> None:
    if not item.not_valid_before_utc <= now <= item.not_valid_after_utc:
        end = item.not_valid_after_utc.date().isoformat()
        raise Unfit(f"has a certificate that is not valid at this time, until {end}: {_name(item)}")
    if not isinstance(item.signature_hash_algorithm, _HASHES):
        raise Unfit(f"has a certificate of a weak kind: {_name(item)}")
    for oid in _strange(item.extensions):
        raise Unfit(f"has a certificate with a critical extension that is not supported: {oid}")


def _check_issued(item: x509.Certificate, issuer: x509.Certificate, depth: int) -> None:
    """`depth`: how many other authorities stand between the issuer and the signer's certificate."""
    constraints, usage = _extension(issuer, x509.BasicConstraints), _extension(issuer, x509.KeyUsage)
    if constraints is None or not constraints.ca or usage is None or not usage.key_cert_sign:
        raise Unfit(f"has a certificate of one who may issue none: {_name(issuer)}")
    if constraints.path_length is not None and constraints.path_length < depth:
        raise Unfit(f"has more certificates than {_name(issuer)} lets follow")
    try:
        item.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError) as exc:
        raise Unfit(f"has a certificate that its issuer did not make: {_name(item)}") from exc


def _extension(item: x509.Certificate, kind: type[Kind]) -> Kind | None:
    try:
        return item.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _strange(extensions: Iterable[x509.Extension[x509.ExtensionType]]) -> list[str]:
    return [item.oid.dotted_string for item in extensions if item.critical and item.oid not in _KNOWN]


def _name(item: x509.Certificate) -> str:
    return shown(item.subject.rfc4514_string())
