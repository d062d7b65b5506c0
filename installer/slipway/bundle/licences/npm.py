"""Licences of packages of npm: what their package.json says, else the licence texts that came with them."""

import json
from pathlib import Path

from slipway.bundle.licences.expression import spdx_expression
from slipway.bundle.licences.files import in_directory


def of_package(directory: Path) -> str:
    """Of a package that is installed; empty where nothing says it clearly."""
    said = json.loads((directory / "package.json").read_text(encoding="utf-8")).get("license", "")
    word = said.get("type", "") if isinstance(said, dict) else said
    return spdx_expression(str(word)) or in_directory(directory)
