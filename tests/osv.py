"""Databases of vulnerabilities in OSV's form, of records that are ours alone: nothing here is known of any program."""

import json
import zipfile
from pathlib import Path
from typing import Any

#: When a record was changed last, unless it says otherwise.
MODIFIED = "2026-11-20T00:00:00Z"
CRITICAL = [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]
HIGH = [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}]
LOW = [{"type": "CVSS_V4", "score": "CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:P/VC:N/VI:N/VA:N/SC:L/SI:L/SA:L"}]


def record(name: str, ecosystem: str, package: str, fixed: str = "", **fields: Any) -> dict[str, Any]:
    """One about every version below `fixed`; without that about all."""
    kind = "SEMVER" if ecosystem == "Go" else "ECOSYSTEM"
    events = [{"introduced": "0"}, *([{"fixed": fixed}] if fixed else [])]
    affected = {
        "package": {"ecosystem": ecosystem, "name": package},
        "ranges": [{"type": kind, "events": events}],
    }
    return {"schema_version": "1.7.0", "id": name, "modified": MODIFIED, "affected": [affected]} | fields


def database(root: Path, **records: list[dict[str, Any]]) -> Path:
    """A directory of exports, by ecosystem."""
    for ecosystem, found in records.items():
        place = root / ecosystem / "all.zip"
        place.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(place, "w") as archive:
            for one in found:
                archive.writestr(f"{one['id']}.json", json.dumps(one))
    return root
