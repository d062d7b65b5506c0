"""Licence files, Debian's copyright files and Python's metadata; long texts are those of the machine's own Debian."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.bundle.licences.debian import of_copyright
from slipway.bundle.licences.files import in_directory
from slipway.bundle.licences.notices import notices
from slipway.bundle.licences.texts import recognise
from slipway.bundle.licences.wheels import of_metadata

HERE = Path(__file__).parent
#: Debian's own copies of the long ones.
COMMON = Path("/usr/share/common-licenses")
#: Of packages that every Debian has.
PACKAGES = Path("/usr/share/doc")


def examples(folder: str) -> list[tuple[str, Any]]:
    """Every text of a folder with what is expected of it; a text without is an error."""
    expected = yaml.safe_load((HERE / folder / "expected.yaml").read_text())
    names = sorted(path.stem for path in (HERE / folder).glob("*.txt"))
    return [(text_of(folder, name), expected[name]) for name in names]


def text_of(folder: str, name: str) -> str:
    return (HERE / folder / f"{name}.txt").read_text()


@pytest.mark.parametrize(("text", "expected"), examples("texts"))
def test_licence_files(text: str, expected: str) -> None:
    assert recognise(text) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Apache-2.0", "Apache-2.0"),
        ("MPL-2.0", "MPL-2.0"),
        ("GPL-2", "GPL-2.0-only"),
        ("GPL-3", "GPL-3.0-only"),
        ("LGPL-2.1", "LGPL-2.1-only"),
        ("LGPL-3", "LGPL-3.0-only"),
        ("CC0-1.0", "CC0-1.0"),
        ("GPL-1", ""),
        ("Artistic", ""),
    ],
)
def test_the_long_ones(name: str, expected: str) -> None:
    assert recognise((COMMON / name).read_text()) == expected


def test_an_exception_makes_another_licence_of_it() -> None:
    text = "As a special exception, the terms below do not apply to you.\n" + (COMMON / "GPL-2").read_text()
    assert recognise(text) == "GPL-2.0-only AND LicenseRef-unknown"


def test_several_one_after_another() -> None:
    texts = [text_of("texts", "mit"), (COMMON / "Apache-2.0").read_text(), text_of("texts", "bsd-3-clause")]
    assert recognise("\n\n".join(texts)) == "Apache-2.0 AND BSD-3-Clause AND MIT"


def test_what_is_named_for_machines_says_more_than_texts() -> None:
    named = "`SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause`\n\n"
    texts = [(COMMON / "Apache-2.0").read_text(), text_of("texts", "bsd-3-clause")]
    assert recognise(named + "\n".join(texts)) == "Apache-2.0 OR BSD-3-Clause"


@pytest.mark.parametrize(
    ("package", "expected"),
    [
        ("dash", "BSD-3-Clause AND GPL-2.0-or-later AND LicenseRef-public-domain"),
        ("libselinux1", "LGPL-2.1-or-later AND LicenseRef-unknown"),
        ("libzstd1", "(BSD-3-Clause OR GPL-2.0-only) AND MIT AND Zlib"),
        ("zlib1g", "Zlib"),
    ],
)
def test_copyright_files_of_this_machine(package: str, expected: str) -> None:
    assert of_copyright((PACKAGES / package / "copyright").read_text()) == expected


@pytest.mark.parametrize(("text", "expected"), examples("copyright"))
def test_copyright_files(text: str, expected: str) -> None:
    assert of_copyright(text) == expected


@pytest.mark.parametrize(("text", "expected"), examples("metadata"))
def test_metadata(text: str, expected: list[str]) -> None:
    assert [of_metadata(text), of_metadata(text, [text_of("texts", "isc")])] == expected


def test_all_licence_files_at_the_top_of_a_directory_count(tmp_path: Path) -> None:
    assert in_directory(tmp_path) == ""
    files = {
        "LICENSE": "mit",
        "COPYING.md": "isc",
        "LICENSE.docs": "proprietary",
        "license_test.go": "bsd-2-clause",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text_of("texts", text))
    (tmp_path / "licenses").mkdir()
    (tmp_path / "licenses" / "LICENSE").write_text((COMMON / "MPL-2.0").read_text())
    assert in_directory(tmp_path) == "ISC AND MIT"
    (tmp_path / "LICENSE-OURS").write_text(text_of("texts", "proprietary"))
    assert in_directory(tmp_path) == "ISC AND LicenseRef-unknown AND MIT"


@pytest.mark.parametrize("example", yaml.safe_load((HERE / "notices.yaml").read_text()))
def test_notices(example: dict[str, Any]) -> None:
    text = f"You may pass it on under the terms of the {example['notice']} It comes without warranty."
    assert notices(text) == example["expected"]
