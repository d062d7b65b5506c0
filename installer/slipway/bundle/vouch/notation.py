"""Signatures of notation: a JWS envelope with the chain of certificates that leads to one that the user configured.

Not asked: whether a certificate was revoked, and time stamps, so a signature counts while its certificates are valid.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from slipway.bundle.vouch.chains import Authorities, trusted_chain
from slipway.bundle.vouch.strict import Unfit, decoded, shown, strict_json, text_at, value_at

#: Media types of layers.
JWS: Final = "application/jose+json"
COSE: Final = "application/cose"
_PAYLOAD: Final = "application/vnd.cncf.notary.payload.v1+json"
_SCHEME, _EXPIRY = "io.cncf.notary.signingScheme", "io.cncf.notary.expiry"
_X509: Final = "notary.x509"


@dataclass(frozen=True, slots=True)
class _Algorithm:
    name: str
    hash: hashes.HashAlgorithm


#: What notation signs with, by bits of the key.
_ECDSA: Final = {
    256: _Algorithm("ES256", hashes.SHA256()),
    384: _Algorithm("ES384", hashes.SHA384()),
    521: _Algorithm("ES512", hashes.SHA512()),
}
_RSA: Final = {
    2048: _Algorithm("PS256", hashes.SHA256()),
    3072: _Algorithm("PS384", hashes.SHA384()),
    4096: _Algorithm("PS512", hashes.SHA512()),
}


def check_jws(text: bytes, authorities: Authorities, digest: str, now: datetime) -> str:
    """Accept an envelope about this digest; the fingerprint of the certificate that vouches for it.

    Raises:
        Unfit: it is something else.
    """
    envelope = strict_json(text)
    protected, payload = text_at(envelope, "protected"), text_at(envelope, "payload")
    header = strict_json(decoded(protected, url=True))
    chain = _chain(envelope)
    signed = f"{protected}.{payload}".encode()
    _check_signature(
        chain[0], text_at(header, "alg"), decoded(text_at(envelope, "signature"), url=True), signed
    )
    anchor = trusted_chain(chain, authorities, now)
    _check_header(header, now)
    target = text_at(strict_json(decoded(payload, url=True)), "targetArtifact", "digest")
    if target != digest:
        raise Unfit(f"is of other contents: {shown(target)}")
    return anchor


def _chain(envelope: dict[str, Any]) -> list[x509.Certificate]:
    """Certificates, that of the signer first."""
    found = value_at(envelope, "header", "x5c")
    if not isinstance(found, list) or not found or not all(isinstance(item, str) for item in found):
        raise Unfit("has no certificates (x5c)")
    try:
        return [x509.load_der_x509_certificate(decoded(item)) for item in found]
    except ValueError as exc:
        raise Unfit(f"has a certificate that cannot be read: {shown(str(exc))}") from exc


def _check_signature(leaf: x509.Certificate, said: str, signature: bytes, signed: bytes) -> None:
    """By the leaf's key, with the one algorithm that is for it."""
    try:
        key = leaf.public_key()
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise Unfit(f"has a key that cannot be read: {shown(str(exc))}") from exc
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size in _ECDSA:
            algorithm = _ECDSA[key.curve.key_size]
            _expect(said, algorithm.name)
            key.verify(_der(signature, key.curve.key_size), signed, ec.ECDSA(algorithm.hash))
        elif isinstance(key, rsa.RSAPublicKey) and key.key_size in _RSA:
            algorithm = _RSA[key.key_size]
            _expect(said, algorithm.name)
            salt = padding.PSS(padding.MGF1(algorithm.hash), algorithm.hash.digest_size)
            key.verify(signature, signed, salt, algorithm.hash)
        else:
            raise Unfit("is by a key of a kind that notation does not use")
    except InvalidSignature as exc:
        raise Unfit("was changed since it was signed") from exc


def _expect(said: str, right: str) -> None:
    if said != right:
        raise Unfit(f"says algorithm {shown(said)}, and its key has {right}")


def _der(signature: bytes, bits: int) -> bytes:
    """JWS has both numbers of an ECDSA signature side by side."""
    size = (bits + 7) // 8
    if len(signature) != 2 * size:
        raise Unfit("was changed since it was signed")
    return encode_dss_signature(
        int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    )


def _check_header(header: dict[str, Any], now: datetime) -> None:
    """What has to be understood is; and the signature has not expired."""
    if (kind := text_at(header, "cty")) != _PAYLOAD:
        raise Unfit(f"is of another type: {shown(kind)}")
    critical = value_at(header, "crit")
    if not isinstance(critical, list) or _SCHEME not in critical:
        raise Unfit("does not say how it was signed")
    for name in critical:
        if name not in {_SCHEME, _EXPIRY}:
            raise Unfit(f"asks for what is not supported: {shown(str(name))}")
    if (scheme := text_at(header, _SCHEME)) != _X509:
        raise Unfit(f"is of a scheme that is not supported: {shown(scheme)}")
    if _EXPIRY in header or _EXPIRY in critical:
        said = text_at(header, _EXPIRY)
        try:
            ended = datetime.fromisoformat(said) <= now
        except (ValueError, TypeError) as exc:
            raise Unfit(f"says no moment of its end: {shown(said)}") from exc
        if ended:
            raise Unfit(f"ended at {shown(said)}")
