"""The file of vulnerabilities that somebody has decided to pass over: each with a reason, and until a day."""

from datetime import date
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from slipway import yamltext
from slipway.errors import ConfigurationError, Finding
from slipway.findings import FindingCode
from slipway.model.vulnerabilities import Exemption
from slipway.smallfiles import bytes_of

#: Bytes of such a file.
LIMIT: Final = 4 << 20
_HINT: Final = "docs/reference/bundle.md, Known vulnerabilities, shows the form"


class _IgnoredEntry(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    id: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    until: date
    package: str = ""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format: Literal[1]
    ignore: list[_IgnoredEntry]


def read(path: Path) -> tuple[Exemption, ...]:
    """Its entries.

    Raises:
        ConfigurationError: it cannot be read, or an entry lacks id, reason or day.
    """
    try:
        file = _File.model_validate(yamltext.load(bytes_of(path, LIMIT)))
    except OSError as exc:
        why = exc.strerror or str(exc)
        raise ConfigurationError("cannot be read", where=str(path), why=why, hint=_HINT) from exc
    except ValidationError as exc:
        findings = tuple(
            Finding(".".join(map(str, error["loc"])) or "file", error["msg"], code=FindingCode.BAD_VALUE)
            for error in exc.errors()
        )
        what = "this says of no vulnerability why and until when it is passed over"
        raise ConfigurationError(what, where=str(path), hint=_HINT, findings=findings) from exc
    except ValueError as exc:
        raise ConfigurationError("this is no YAML", where=str(path), why=str(exc), hint=_HINT) from exc
    return tuple(Exemption(entry.id, entry.reason, entry.until, entry.package) for entry in file.ignore)
