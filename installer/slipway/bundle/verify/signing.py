"""Ed25519 signatures of bundle.yaml, which vouches for every other byte of a bundle. Keys are OpenSSH's, in its forms.

The signature is `bundle.yaml.sig`: JSON with the fingerprint of the key, and its signature of PREFIX and the file.
"""

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
    load_ssh_public_key,
)

from slipway.bundle.form.manifest import FILE, SIGNATURE
from slipway.bundle.ground.disk import guarded
from slipway.errors import BundleError
from slipway.landing import land
from slipway.smallfiles import bytes_of, text_of

SIGNATURE_FORMAT: Final = 1
#: Keeps a signature of a bundle from being one of anything else.
PREFIX: Final = b"slipway bundle 1\n"
_HINT: Final = "slipway bundle sign DIR --key FILE, with a key that the site trusts"


def keygen(path: Path, comment: str) -> str:
    """A new key pair: `path` for its owner alone, `path`.pub for everybody; the public line.

    Raises:
        BundleError: there is a file already.
    """
    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as exc:
        hint = "choose another name: a key that is lost cannot be made again"
        raise BundleError("there is a file already", where=str(path), hint=hint) from exc
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)
    line = f"{_line(key.public_key())} {comment}"
    path.with_name(f"{path.name}.pub").write_text(f"{line}\n", encoding="utf-8")
    return line


def sign(directory: Path, key: Path) -> str:
    """Sign the manifest; the fingerprint of the key.

    Raises:
        BundleError: there is no bundle, or no such key that can sign.
    """
    private = _private(key)
    signature = private.sign(PREFIX + _manifest(directory))
    name = fingerprint(_line(private.public_key()))
    data = {"format": SIGNATURE_FORMAT, "key": name, "signature": base64.b64encode(signature).decode()}
    with guarded(directory):
        land(directory / SIGNATURE, json.dumps(data) + "\n")
    return name


def signed_manifest(directory: Path, trusted: Sequence[str]) -> tuple[bytes, str]:
    """Texts of bundle.yaml and of its signature, each read once; with trusted keys as one of them signed it.

    Who uses a bundle uses these bytes: what lies there later is something else.

    Raises:
        BundleError: as `check_signature`, or there is no bundle.
    """
    manifest, signature = _manifest(directory), _signature(directory)
    if trusted:
        check_signature(manifest, signature, str(directory / SIGNATURE), trusted)
    return manifest, signature


def check_signature(manifest: bytes, signature: str, where: str, trusted: Iterable[str]) -> str:
    """Refuse a manifest that none of these keys signed, given as public lines; the fingerprint of the one that did.

    Raises:
        BundleError: it is not signed, not by one of them, or was changed since.
    """
    keys = {fingerprint(line): line for line in trusted}
    if not signature:
        raise BundleError("the bundle is not signed", where=where, hint=_HINT)
    try:
        data = json.loads(signature)
        known, name = data["format"] == SIGNATURE_FORMAT, str(data["key"])
        signed = base64.b64decode(data["signature"], validate=True)
    except (ValueError, KeyError, TypeError, binascii.Error) as exc:
        raise BundleError("this is no signature", where=where, why=str(exc), hint=_HINT) from exc
    if not known or name not in keys:
        why = f"it is by {name}; trusted are {', '.join(keys)}" if known else "it has another format"
        raise BundleError("the bundle is not signed by a trusted key", where=where, why=why, hint=_HINT)
    try:
        _public(keys[name]).verify(signed, PREFIX + manifest)
    except InvalidSignature as exc:
        why = f"{FILE} is not what {name} signed"
        raise BundleError(
            "the bundle was changed after it was signed", where=where, why=why, hint=_HINT
        ) from exc
    return name


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
    except (OSError, ValueError, UnicodeError) as exc:
        raise BundleError("this is no public key of Ed25519", where=str(path), why=str(exc)) from exc
    return line


def _public(line: str) -> Ed25519PublicKey:
    key = load_ssh_public_key(line.encode())
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("it is of another kind")  # noqa: TRY004 - for the caller a wrong value
    return key


def _private(path: Path) -> Ed25519PrivateKey:
    try:
        key = load_ssh_private_key(bytes_of(path), password=None)
    except (OSError, ValueError, TypeError) as exc:
        hint = "make one: slipway bundle keygen FILE"
        raise BundleError("this key cannot sign", where=str(path), why=str(exc), hint=hint) from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise BundleError("this key cannot sign", where=str(path), why="it is not of Ed25519")
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
