"""Ed25519 signatures of bundle.yaml, which vouches for every other byte of a bundle. Keys are OpenSSH's, in its forms.

The signature is `bundle.yaml.sig`: JSON with the fingerprint of the key, a serial, perhaps a site, and the key's
signature of all that and the file. Format 1 had neither serial nor site.
"""

import base64
import binascii
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
    load_ssh_public_key,
)

from slipway.bundle.form.manifest import FILE, SIGNATURE, parse
from slipway.bundle.ground.disk import guarded
from slipway.errors import BundleError
from slipway.landing import land
from slipway.model.bundle import BundleManifest
from slipway.smallfiles import bytes_of, json_in, text_of

SIGNATURE_FORMAT: Final = 2
#: Of releases whose signatures had no serial.
FORMER_FORMAT: Final = 1
#: Above every moment in seconds that a clock shows; every program that reads JSON reads it as it is.
SERIALS: Final = range(1 << 53)
#: Names of ClusterConfigurations, as Kubernetes has them.
_SITE: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_HINT: Final = "slipway bundle sign DIR --key FILE, with a key that the site trusts"


@dataclass(frozen=True, slots=True)
class Seal:
    """What a signature says. `serial`: seconds since 1970 when it was made, 0 in the former format.

    `site`: name of the one ClusterConfiguration that it is for; empty: for every one that trusts the key.
    """

    key: str
    serial: int = 0
    site: str = ""


@dataclass(frozen=True, slots=True)
class Verified:
    """bundle.yaml as it was read once, and verified: who parses, keeps or pushes a bundle uses these bytes."""

    text: bytes
    signature: str
    where: str
    seal: Seal | None = None
    """None: no keys were given to verify it by."""

    @property
    def manifest(self) -> BundleManifest:
        """What it says."""
        return parse(self.text, self.where)


def keygen(path: Path, comment: str) -> str:
    """A new key pair: `path` for its owner alone, `path`.pub for everybody; the public line.

    Raises:
        BundleError: there is a file already.
    """
    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    line = f"{_line(key.public_key())} {comment}"
    public = path.with_name(f"{path.name}.pub")
    for place in (path, public):
        if os.path.lexists(place):
            hint = "choose another name: a key that is lost cannot be made again"
            raise BundleError("there is a file already", where=str(place), hint=hint)
    for place, content, mode in ((path, text, 0o600), (public, f"{line}\n".encode(), 0o644)):
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    return line


def sign(directory: Path, key: Path, serial: int, site: str = "") -> Seal:
    """Sign the manifest, with a serial in seconds since 1970; what the signature says.

    Raises:
        BundleError: there is no bundle, no such key that can sign, or the site can be no name of one.
    """
    if site and not _SITE.fullmatch(site):
        hint = "name it as its ClusterConfiguration is named"
        raise BundleError(f"{site!r} is no name of a site", where="--site", hint=hint)
    private = _private(key)
    seal = Seal(fingerprint(_line(private.public_key())), serial, site)
    signature = private.sign(_signed(_manifest(directory), SIGNATURE_FORMAT, seal))
    data = {
        "format": SIGNATURE_FORMAT,
        "key": seal.key,
        "serial": seal.serial,
        "site": seal.site,
        "signature": base64.b64encode(signature).decode(),
    }
    with guarded(directory):
        land(directory / SIGNATURE, json.dumps(data) + "\n")
    return seal


def signed_manifest(directory: Path, trusted: Sequence[str]) -> Verified:
    """A directory's bundle.yaml and its signature, each read once; with trusted keys as one of them signed it.

    Raises:
        BundleError: as `check_signature`, or there is no bundle.
    """
    found = _manifest(directory), _signature(directory)
    return verified(*found, str(directory / FILE), trusted, beside=str(directory / SIGNATURE))


def verified(
    manifest: bytes, signature: str, where: str, trusted: Sequence[str], *, beside: str = ""
) -> Verified:
    """What was read of a bundle, once it is known whose it is; without keys that is nobody's.

    `where` it was, for people; `beside`: where the signature was, if that is another place.

    Raises:
        BundleError: as `check_signature`.
    """
    seal = check_signature(manifest, signature, beside or where, trusted) if trusted else None
    return Verified(manifest, signature, where, seal)


def check_signature(manifest: bytes, signature: str, where: str, trusted: Iterable[str]) -> Seal:
    """Refuse a manifest that none of these keys signed, given as public lines; what the signature says.

    Raises:
        BundleError: it is not signed, not by one of them, or was changed since.
    """
    keys = {fingerprint(line): line for line in trusted}
    if not signature:
        raise BundleError("the bundle is not signed", where=where, hint=_HINT)
    try:
        data = json_in(signature)
        form, seal = data["format"], _seal(data)
        signed = base64.b64decode(data["signature"], validate=True)
    except (ValueError, KeyError, TypeError, binascii.Error) as exc:
        raise BundleError("this is no signature", where=where, why=str(exc), hint=_HINT) from exc
    known = form in {FORMER_FORMAT, SIGNATURE_FORMAT}
    if not known or seal.key not in keys:
        why = f"it is by {seal.key}; trusted are {', '.join(keys)}" if known else "it has another format"
        raise BundleError("the bundle is not signed by a trusted key", where=where, why=why, hint=_HINT)
    try:
        _public(keys[seal.key]).verify(signed, _signed(manifest, form, seal))
    except InvalidSignature as exc:
        why = f"{FILE} and {SIGNATURE} are not what {seal.key} signed"
        raise BundleError(
            "the bundle was changed after it was signed", where=where, why=why, hint=_HINT
        ) from exc
    return seal


def _seal(data: dict[str, Any]) -> Seal:
    """What a signature says; ValueError where that can be none."""
    if type(data["format"]) is not int:
        raise ValueError(f"{data['format']!r} is no format")
    if data["format"] == FORMER_FORMAT:
        return Seal(str(data["key"]))
    serial, site = data["serial"], data["site"]
    if type(serial) is not int or serial not in SERIALS:
        raise ValueError(f"{serial!r} is no serial")
    if not isinstance(site, str) or (site and not _SITE.fullmatch(site)):
        raise ValueError(f"{site!r} is no name of a site")
    return Seal(str(data["key"]), serial, site)


def _signed(manifest: bytes, form: int, seal: Seal) -> bytes:
    """What is signed; its first line keeps it from being a signature of anything else."""
    first = f"slipway bundle {form}\n"
    said = f"{seal.serial}\n{seal.site}\n" if form == SIGNATURE_FORMAT else ""
    return (first + said).encode() + manifest


def fingerprint(line: str) -> str:
    """As `ssh-keygen -l` shows it: SHA256:... of a public line."""
    blob = base64.b64decode(line.split()[1])
    return f"SHA256:{base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip('=')}"


def read_public(path: Path) -> str:
    """The public line of a file.

    Raises:
        BundleError: it has none of Ed25519.
    """
    try:
        line = text_of(path).strip()
        _public(line)
    except (OSError, ValueError, UnsupportedAlgorithm) as exc:
        raise BundleError("this is no public key of Ed25519", where=str(path), why=str(exc)) from exc
    return line


def _public(line: str) -> Ed25519PublicKey:
    key = load_ssh_public_key(line.encode())
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("it is of another kind")  # noqa: TRY004 - for the caller a wrong value
    return key


def _private(path: Path) -> Ed25519PrivateKey:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        key = load_ssh_private_key(bytes_of(path), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as exc:
        hint = "make one: slipway bundle keygen FILE"
        raise BundleError("this key cannot sign", where=str(path), why=str(exc), hint=hint) from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise BundleError("this key cannot sign", where=str(path), why="it is not of Ed25519")
    if mode & 0o077:
        what, why = "this key can be read by others", f"its mode is {mode:04o}"
        hint = f"chmod 0600 {path}; who read it signs what sites trust: keygen makes another one"
        raise BundleError(what, where=str(path), why=why, hint=hint)
    return key


def _signature(directory: Path) -> str:
    """Empty: it is not signed."""
    path = directory / SIGNATURE
    try:
        return text_of(path)
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeError) as exc:
        raise BundleError("this is no signature", where=str(path), why=str(exc), hint=_HINT) from exc


def _manifest(directory: Path) -> bytes:
    try:
        return bytes_of(directory / FILE)
    except OSError as exc:
        why, hint = exc.strerror or str(exc), "build it: slipway bundle build -f cluster.yaml -o DIR"
        raise BundleError(
            "there is no complete bundle here", where=str(directory / FILE), why=why, hint=hint
        ) from exc


def _line(key: Ed25519PublicKey) -> str:
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
