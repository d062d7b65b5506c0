"""Receipts of pushes: signed, replaced, and not to be changed."""

import json
from pathlib import Path
from typing import Any

import pytest

from slipway.bundle.site.push import PushReceipt
from slipway.bundle.site.receipts import Notary, newest_receipt, receipt_of
from slipway.errors import BundleError
from tests.bundles import small_bundle

AT = "2026-11-26T22:00:00+00:00"


@pytest.fixture
def receipt(tmp_path: Path) -> dict[str, Any]:
    manifest = small_bundle(tmp_path / "bundle")
    return receipt_of(manifest, "https://registry.test", PushReceipt(2, 4, 9, 1000, 0.5), AT)


def test_what_is_written_is_read_and_is_the_newest(tmp_path: Path, receipt: dict[str, Any]) -> None:
    notary = Notary(b"k" * 32)
    path = notary.write(tmp_path, receipt)
    assert notary.read(path) == receipt
    assert newest_receipt(tmp_path) == path == notary.write(tmp_path, receipt)
    assert len(receipt["landed"]) == 6
    assert all(digest.startswith("sha256:") for digest in receipt["landed"].values())
    assert notary.line.startswith("ssh-ed25519 ")


@pytest.mark.parametrize("change", ["digest", "signature", "nonsense", "site"])
def test_what_was_changed_or_is_of_another_site_is_refused(
    tmp_path: Path, receipt: dict[str, Any], change: str
) -> None:
    notary = Notary(b"k" * 32)
    path = notary.write(tmp_path, receipt)
    data = json.loads(path.read_text())
    if change == "digest":
        data["receipt"]["landed"]["chart/page:1.0"] = "sha256:0"
    elif change == "signature":
        data["signature"] = "x"
    path.write_text("[]" if change == "nonsense" else json.dumps(data))
    with pytest.raises(BundleError) as caught:
        (Notary(b"o" * 32) if change == "site" else notary).read(path)
    assert str(path) in caught.value.where


def test_there_is_none_yet(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no receipt"):
        newest_receipt(tmp_path)
