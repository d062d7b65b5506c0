"""The reference of the command line is what the commands say."""

import pytest

from slipway.cli import docs
from slipway.cli.main import COMMANDS


def test_reference_is_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    assert docs.main(["--check"]) == 0, capsys.readouterr().err


def test_every_command_is_in_it() -> None:
    text = docs.reference_text()
    assert [name for name in COMMANDS if f"## slipway {name}" not in text] == []
    assert "completion" not in text.split("## slipway completion")[0].split("## slipway init")[1]


@pytest.mark.parametrize("page", ["cli.md", "shipped-modules.md"])
def test_a_stale_page_is_noticed_and_mended(page: str, tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    assert docs.main(["--directory", str(tmp_path)]) == 0
    (tmp_path / page).write_text("old\n")
    assert docs.main(["--check", "--directory", str(tmp_path)]) == 1
    assert f"{page} is stale" in capsys.readouterr().err
    assert docs.main(["--directory", str(tmp_path)]) == 0
    assert docs.main(["--check", "--directory", str(tmp_path)]) == 0
