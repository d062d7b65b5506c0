"""Slipway's own wheel, of what runs here: package, data and metadata as installed. The same bytes every time."""

import base64
import hashlib
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import slipway
from slipway import __version__
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.licences.own import DISTRIBUTION
from slipway.bundle.make.code import DATA
from slipway.catalog import shipped
from slipway.settings import data_dir

FILE = f"slipway_installer-{__version__}-py3-none-any.whl"
#: The first moment that a zip can hold.
EPOCH = (1980, 1, 1, 0, 0, 0)
_TAGS = "Wheel-Version: 1.0\nGenerator: slipway\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def own_wheel(workshop: Workshop) -> Path:
    """The file; built again when any file of it changed."""
    package = Path(slipway.__file__).parent
    content = [
        shipped.digest_of_files([package]),
        *(shipped.digest_of_files([data_dir() / name]) for name in DATA),
    ]
    place = workshop.make("wheel", "slipway", __version__, [content, _texts()], _build)
    return place / FILE


def _build(dest: Path) -> None:
    info = f"slipway_installer-{__version__}.dist-info"
    record = []
    with zipfile.ZipFile(dest / FILE, "w", zipfile.ZIP_DEFLATED) as archive:
        members = [
            *_members(),
            *((f"{info}/{name}", text.encode(), False) for name, text in _texts().items()),
        ]
        for name, data, executable in sorted(members):
            _add(archive, name, data, executable=executable)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            record.append(f"{name},sha256={digest},{len(data)}\n")
        text = "".join([*record, f"{info}/RECORD,,\n"])
        _add(archive, f"{info}/RECORD", text.encode(), executable=False)


def _members() -> Iterator[tuple[str, bytes, bool]]:
    package = Path(slipway.__file__).parent
    for file in shipped.files(package):
        path = file.relative_to(package).as_posix()
        if not path.startswith("_data/"):
            yield f"slipway/{path}", file.read_bytes(), False
    for part in DATA:
        for file in shipped.files(data_dir() / part):
            path = file.relative_to(data_dir()).as_posix()
            yield f"slipway/_data/{path}", file.read_bytes(), shipped.is_program(file)


def _texts() -> dict[str, str]:
    found = distribution(DISTRIBUTION)
    names = ("METADATA", "entry_points.txt")
    return {"WHEEL": _TAGS, **{name: found.read_text(name) or "" for name in names}}


def _add(archive: zipfile.ZipFile, name: str, data: bytes, *, executable: bool) -> None:
    member = zipfile.ZipInfo(name, EPOCH)
    member.external_attr = (0o100755 if executable else 0o100644) << 16
    member.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(member, data)
