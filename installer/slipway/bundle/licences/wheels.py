"""Licences of Python distributions: what their metadata says, else the licence texts that came with them."""

import zipfile
from collections.abc import Iterable
from email.parser import HeaderParser
from pathlib import Path
from typing import Final

from slipway.bundle.licences.expression import all_of, spdx_expression
from slipway.bundle.licences.files import is_licence
from slipway.bundle.licences.texts import recognise

_PREFIX: Final = "License :: "
#: Classifiers that mean one licence. Most do not: "BSD License" is any of four.
_CLASSIFIERS: Final = {
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "OSI Approved :: GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "OSI Approved :: GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "OSI Approved :: GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "OSI Approved :: GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "OSI Approved :: GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "OSI Approved :: ISC License (ISCL)": "ISC",
    "OSI Approved :: MIT License": "MIT",
    "OSI Approved :: MIT No Attribution License (MIT-0)": "MIT-0",
    "OSI Approved :: Mozilla Public License 1.1 (MPL 1.1)": "MPL-1.1",
    "OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "OSI Approved :: The Unlicense (Unlicense)": "Unlicense",
}
#: What classifiers say of licences without a name.
_GENERAL: Final = {"DFSG approved", "OSI Approved"}


def of_metadata(text: str, licences: Iterable[str] = ()) -> str:
    """Of the text of METADATA, and the texts of licence files beside it; empty where nothing says it clearly.

    First `License-Expression`, then a `License` that is an expression, then classifiers that mean one licence each,
    then the texts.
    """
    fields = HeaderParser().parsestr(text)
    stated = spdx_expression(fields.get("License-Expression", "")) or spdx_expression(
        fields.get("License", "")
    )
    return stated or _classified(fields.get_all("Classifier", [])) or all_of(map(recognise, licences))


def of_wheel(path: Path) -> str:
    """Of a wheel's file."""
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if ".dist-info/" in name)
        metadata = [_text(archive.read(name)) for name in names if name.endswith(".dist-info/METADATA")]
        texts = [_text(archive.read(name)) for name in names if is_licence(name.rpartition("/")[2])]
        return of_metadata("".join(metadata), texts)


def of_installed(directory: Path) -> str:
    """Of a distribution that is installed: its .dist-info directory."""
    files = sorted(path for path in directory.rglob("*") if path.is_file() and is_licence(path.name))
    texts = [_text(path.read_bytes()) for path in files]
    return of_metadata(_text((directory / "METADATA").read_bytes()), texts)


def _classified(classifiers: Iterable[str]) -> str:
    """All licences that are named; nothing where one of them can mean several."""
    named = [name.removeprefix(_PREFIX) for name in classifiers if name.startswith(_PREFIX)]
    found = [_CLASSIFIERS.get(name, "") for name in named if name not in _GENERAL]
    return all_of(found) if all(found) else ""


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
