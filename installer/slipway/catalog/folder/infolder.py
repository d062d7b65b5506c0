"""Files in a module's folder: their names, as module.yaml writes them, and what is in them or why it cannot be read."""

import os
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field

from slipway.errors import ConfigurationError
from slipway.smallfiles import bytes_of, text_of

#: Below the folder, and never hidden.
FILE_NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$"
InFolder = Annotated[str, Field(pattern=FILE_NAME)]
FIELDS: Final = "docs/reference/modules.md describes every field"


def is_there(path: Path) -> bool:
    """Whether anything has the name of a file that may be missing: a link to nothing is a mistake, not its absence."""
    return os.path.lexists(path)


def yaml_of(path: Path) -> dict[str, Any]:
    """A file that is a map.

    Raises:
        ConfigurationError: it cannot be read, or is none.
    """
    from slipway import yamltext

    try:
        data = yamltext.load(bytes_of(path))
    except (ValueError, OSError) as exc:
        raise unreadable(path, exc) from exc
    if not isinstance(data, dict):
        raise unreadable(path, TypeError("it is no map"))
    return data


def template_of(path: Path) -> str:
    """The text of a template.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        return text_of(path)
    except (ValueError, OSError) as exc:
        raise unreadable(path, exc) from exc


def unreadable(where: Path, exc: Exception) -> ConfigurationError:
    """Which file, and why."""
    why = f"{type(exc).__name__}: {exc}"
    return ConfigurationError(
        f"{where.name} of a module cannot be read", where=str(where), why=why, hint=FIELDS
    )
