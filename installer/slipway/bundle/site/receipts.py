"""Receipts of pushes: what landed where, with digests, and when; signed with a key that follows from the site's own.

One file per bundle and registry, in `receipts/` of the local state: {"receipt": {...}, "key": a public line,
"signature": base64}. A push of the same bundle again replaces it.
"""

import base64
import hashlib
import hmac
import json
import re
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from slipway.bundle.ground.disk import guarded
from slipway.bundle.site.push import PushReceipt
from slipway.digests import canonical_json
from slipway.errors import BundleError
from slipway.landing import land
from slipway.model.bundle import BundleManifest
from slipway.smallfiles import json_of

FOLDER: Final = "receipts"
RECEIPT_FORMAT: Final = 1
#: Keeps a signature of a receipt from being one of anything else.
PREFIX: Final = b"slipway receipt 1\n"


class Notary:
    """Signs receipts of one site, and knows its own."""

    def __init__(self, site_key: bytes) -> None:
        seed = hmac.new(site_key, b"receipts", hashlib.sha256).digest()
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def line(self) -> str:
        """The public key as OpenSSH has it, for whoever checks receipts elsewhere."""
        return self._key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()

    def write(self, state: Path, receipt: dict[str, Any], where: str = "site") -> Path:
        """Sign and keep one; by rename. `where`: `site`, `replica` or a registry's label."""
        signature = base64.b64encode(self._key.sign(_signed(receipt))).decode()
        data = {"receipt": receipt, "key": self.line, "signature": signature}
        short = receipt["bundle"].removeprefix("sha256:")[:12]
        path = state / FOLDER / (f"{short}.json" if where == "site" else f"{short}-{where}.json")
        with guarded(path):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            land(path, json.dumps(data, indent=1) + "\n")
        return path

    def read(self, path: Path) -> dict[str, Any]:
        """A receipt of this site.

        Raises:
            BundleError: it is none, of another site, or was changed.
        """
        try:
            data = json_of(path)
            receipt: dict[str, Any] = data["receipt"]
            signature = base64.b64decode(data["signature"], validate=True)
            self._key.public_key().verify(signature, _signed(receipt))
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise BundleError("this is no receipt", where=str(path), why=str(exc), hint=_HINT) from exc
        except InvalidSignature as exc:
            what = "the receipt was changed, or is of another site"
            raise BundleError(what, where=str(path), hint=_HINT) from exc
        return receipt


_HINT = "push the bundle again: what is there is not copied, and a new receipt is written"


def receipt_of(manifest: BundleManifest, registry: str, pushed: PushReceipt, at: str) -> dict[str, Any]:
    """What a push of a bundle came to; `at` is ISO 8601."""
    return {
        "format": RECEIPT_FORMAT,
        "at": at,
        "registry": registry,
        "bundle": manifest.digest,
        "name": manifest.name,
        "copied": {
            "images": pushed.images_copied,
            "artifacts": pushed.artifacts_copied,
            "blobs": pushed.blobs_copied,
            "bytes": pushed.bytes,
            "seconds": pushed.seconds,
        },
        "landed": {f"{item.kind}/{item.reference}": item.digest for item in manifest.artifacts},
    }


def label_of(url: str) -> str:
    """What stands for a registry in the names of its receipts."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", url.partition("://")[2].strip("/"))


def newest_receipt(state: Path, where: str = "") -> Path:
    """The receipt that was written last, for one registry if `where` is its label.

    Raises:
        BundleError: there is none.
    """
    found = sorted(
        (state / FOLDER).glob(f"*-{where}.json" if where else "*.json"),
        key=lambda path: path.stat().st_mtime_ns,
    )
    if not found:
        hint = "a push writes one: slipway bundle push DIR"
        raise BundleError("there is no receipt of a push", where=str(state / FOLDER), hint=hint)
    return found[-1]


def _signed(receipt: dict[str, Any]) -> bytes:
    return PREFIX + canonical_json(receipt, escaped=True).encode()
