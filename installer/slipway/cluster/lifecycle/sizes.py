"""How large Helm's Secret of a revision becomes: an API server takes none above 1 MiB, and says so only afterwards."""

import base64
import gzip
import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from slipway.cluster.lifecycle.rendered import parted
from slipway.cluster.lifecycle.work import Work
from slipway.errors import StepError
from slipway.model.record import ModuleRecord
from slipway.planning.requests.request import ReleaseRequest

#: Bytes of a Secret's values that the API server takes (validation of Secrets); etcd's own limit is 1.5 MiB.
LIMIT: Final = 1 << 20
#: Bytes from which on somebody is told: the next version of a chart may be too large.
TOLD: Final = 900 << 10
#: Bytes of a chart's own files below which its revision cannot come near: templates make less than that of values.
_SMALL: Final = 256 << 10

#: Where a part of what Helm rendered is from; what it makes of crds/ directories is in no manifest.
_SOURCE: Final = re.compile(r"^# Source: (.*)$", re.MULTILINE)


def that_is_small(files: Mapping[str, bytes]) -> bool:
    """Whether a chart of these files makes no revision that comes near the limit."""
    return sum(map(len, files.values())) < _SMALL


def refuse_too_large(module: str, release: str, files: Mapping[str, bytes], rendered: str) -> None:
    """StepError before Helm is asked to install what cannot be stored."""
    size = 0 if that_is_small(files) and len(rendered) < _SMALL else revision_bytes(files, rendered)
    if size > LIMIT:
        raise StepError(
            f"release {release} is too large for Helm to keep",
            where=f"module/{module}/apply",
            why=f"its revision would be a Secret of {size >> 10} KiB; the API server takes {LIMIT >> 10} KiB",
            hint="leave files out of the chart that it does not need, or part it into two releases",
        )


def stored_bytes(work: Work, item: ReleaseRequest, revision: int) -> int:
    """Bytes of the Secret of a revision where they are many; 0: few."""
    found = work.client.get("v1", "Secret", f"sh.helm.release.v1.{item.name}.v{revision}", item.namespace)
    size = len(base64.b64decode(((found or {}).get("data") or {}).get("release", "")))
    return size if size > TOLD else 0


def size_message(record: ModuleRecord) -> str:
    """What is said of releases that have come near the limit; empty where none has."""
    said = [
        f"release {name} takes {known.bytes >> 10} KiB of the {LIMIT >> 10} KiB that Helm has for it"
        for name, known in record.extra.releases.items()
        if known.bytes
    ]
    return "; ".join(said)


def revision_bytes(files: Mapping[str, bytes], rendered: str) -> int:
    """What Helm keeps of a chart's own files and of what they make, packed as it does: JSON, gzip, base64."""
    kept = [{"name": name, "data": base64.b64encode(content).decode()} for name, content in files.items()]
    manifest = "---\n".join(_manifest(rendered))
    text = json.dumps({"chart": {"files": kept}, "manifest": manifest})
    return len(base64.b64encode(gzip.compress(text.encode())))


def _manifest(rendered: str) -> Iterator[str]:
    """The parts that a revision has. A file of crds/ says where it is from once, however many parts it has."""
    source = ""
    for part in parted(rendered):
        if found := _SOURCE.search(part):
            source = found.group(1)
        if "/crds/" not in source:
            yield part


def own_files(chart: Path) -> Iterator[tuple[str, bytes]]:
    """Files of a chart, a directory or an archive, but for the charts inside of it: Helm does not keep those."""
    if chart.is_dir():
        for path in chart.rglob("*"):
            name = path.relative_to(chart).as_posix()
            if path.is_file() and not name.startswith("charts/"):
                yield name, path.read_bytes()
        return
    with tarfile.open(chart) as archive:
        for member in archive:
            name = member.name.partition("/")[2]
            file = archive.extractfile(member) if member.isfile() and not name.startswith("charts/") else None
            if file:
                yield name, file.read()
