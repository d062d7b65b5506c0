"""Who owns the fields that a server-side apply was refused for."""

import re
from collections.abc import Mapping
from typing import Any

from slipway.errors import Finding
from slipway.findings import FindingCode


def conflicting_fields(status: Mapping[str, Any]) -> tuple[Finding, ...]:
    """A finding per field: its path and the manager that set it, from the API's Status."""
    causes = (status.get("details") or {}).get("causes") or ()
    return tuple(
        Finding(
            str(cause.get("field", "")).lstrip("."),
            f"was changed in the cluster by {_manager(str(cause.get('message', '')))}",
            code=FindingCode.FIELD_CONFLICT,
        )
        for cause in causes
        if cause.get("reason") == "FieldManagerConflict"
    )


def _manager(message: str) -> str:
    """`conflict with "kubectl-edit" using v1` -> kubectl-edit."""
    found = re.search(r'conflict with "([^"]*)"', message)
    return found[1] if found else message
