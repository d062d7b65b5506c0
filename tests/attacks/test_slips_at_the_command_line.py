"""Slips of whoever types commands: another file beside a plan, an option in the place of a reason, keys mixed up.

None of them is passed over, and none is a fault of Slipway's own.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from slipway.bundle.verify.signing import fingerprint, keygen, read_public, sign
from slipway.cli.main import app
from slipway.errors import BundleError, ConfigurationError

DIGEST = "sha256:" + "0" * 64


def typed(*words: str | Path) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


def kept_plan(place: Path, **changed: Any) -> Path:
    file = place / "cluster.yaml"
    plan = {"format": 1, "file": str(file), "refresh": False, "plan": {"digest": DIGEST}, **changed}
    path = place / "today.plan"
    path.write_text(json.dumps(plan), encoding="utf-8")
    return path


def test_a_plan_is_not_applied_beside_another_file(tmp_path: Path) -> None:
    """The plan's was taken, and the one that was named was not looked at."""
    failed = typed("apply", kept_plan(tmp_path), "-f", tmp_path / "staging.yaml")
    assert isinstance(failed.exception, ConfigurationError)
    assert "is a plan of another file" in failed.exception.what
    same = typed("apply", kept_plan(tmp_path), "-f", tmp_path / "." / "cluster.yaml")
    assert "cannot be read" in str(same.exception)


@pytest.mark.parametrize(
    "changed",
    [
        {"format": 2},
        {"format": None},
        {"plan": {"digest": ""}},
        {"plan": {"digest": "sha256:"}},
        {"plan": {}},
    ],
    ids=str,
)
def test_an_edited_plan_file_agrees_to_nothing(tmp_path: Path, changed: dict[str, Any]) -> None:
    """Without a digest every plan was the agreed one."""
    failed = typed("apply", kept_plan(tmp_path, **changed), "--yes")
    assert isinstance(failed.exception, ConfigurationError)
    assert "is no plan file" in failed.exception.what


@pytest.mark.parametrize("reason", ["--yes", "-y", "-", " ", "1"])
@pytest.mark.parametrize(
    "command", [("plan",), ("apply",), ("install", "--bundle", "b"), ("bundle", "push", "b")]
)
def test_an_option_is_no_reason_for_an_older_bundle(command: tuple[str, ...], reason: str) -> None:
    failed = typed(*command, "--allow-older", reason)
    assert failed.exit_code == 2
    assert "is no reason" in failed.output


def test_no_key_is_written_over(tmp_path: Path) -> None:
    """The public half too: it may be all that is here of a pair."""
    mine = tmp_path / "mine"
    mine.with_name("mine.pub").write_text("ssh-ed25519 AAAA of somebody\n", encoding="utf-8")
    with pytest.raises(BundleError, match=r"mine\.pub: there is a file already"):
        keygen(mine, "again")
    assert not mine.exists()
    assert "of somebody" in mine.with_name("mine.pub").read_text(encoding="utf-8")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_key_that_others_read_signs_nothing(tmp_path: Path, mode: int) -> None:
    key = tmp_path / "key"
    keygen(key, "")
    key.chmod(mode)
    (tmp_path / "bundle.yaml").write_text("format: 1\n", encoding="utf-8")
    with pytest.raises(BundleError, match="can be read by others"):
        sign(tmp_path, key, 1)
    assert not (tmp_path / "bundle.yaml.sig").exists()
    key.chmod(0o600)
    assert sign(tmp_path, key, 1).key == fingerprint(read_public(tmp_path / "key.pub"))


def test_the_other_half_of_a_pair_is_told_and_not_shown(tmp_path: Path) -> None:
    key = tmp_path / "key"
    keygen(key, "")
    with pytest.raises(BundleError, match="is no public key of Ed25519") as caught:
        read_public(key)
    assert key.read_text(encoding="utf-8").splitlines()[1] not in str(caught.value)
