"""What a kustomization takes from beside it: all of it is in the tree, for nothing is fetched while it renders."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from slipway import yamltext
from slipway.errors import BundleError, Finding
from slipway.findings import FindingCode
from slipway.smallfiles import bytes_of

#: What kustomize calls its files, in the order in which it looks.
NAMES: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
#: Fields whose entries are files or folders.
_LISTS: Final = ("resources", "bases", "components", "crds", "configurations", "generators", "transformers")
#: Fields whose entries may be files, or patches as they are.
_TEXTS: Final = ("patchesStrategicMerge", "validators")
#: Fields whose entries have a path.
_PATHS: Final = ("patches", "patchesJson6902", "replacements")


def kustomization_of(folder: Path) -> Path | None:
    """Its file; None: the folder has none."""
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


def check_bases(folder: Path, root: Path) -> None:
    """Refuse what the kustomization, and those below it, would fetch or take from outside of `root`.

    Raises:
        BundleError: naming each.
    """
    findings = tuple(dict.fromkeys(_findings(folder.resolve(), root.resolve(), set())))
    if findings:
        hint = "lay what is missing over it in the module's overlay, or take another path of the tree"
        raise BundleError("the tree is not whole", where=str(folder), findings=findings, hint=hint)


def _findings(folder: Path, root: Path, seen: set[Path]) -> Iterator[Finding]:
    file = kustomization_of(folder)
    if file is None or folder in seen:
        return
    seen.add(folder)
    place = file.relative_to(root).as_posix()
    data = _read(file)
    for field in ("helmCharts", "helmChartInflationGenerator"):
        if data.get(field):
            yield Finding(f"{place}: {field}", "has charts, which would be fetched", code=FindingCode.MISSING)
    for path, entry in _entries(data):
        target = (folder / entry).resolve()
        if target.exists() and not target.is_relative_to(root):
            yield Finding(f"{place}: {path}", f"{entry} leads out of the tree", code=FindingCode.BAD_VALUE)
        elif not target.exists():
            text = "is at a server" if _remote(entry) else "is not in the tree"
            yield Finding(f"{place}: {path}", f"{entry} {text}", code=FindingCode.MISSING)
        elif target.is_dir():
            yield from _findings(target, root, seen)


def _entries(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Field and text of all that names a file or folder."""
    for field in (*_LISTS, *_TEXTS):
        for index, entry in enumerate(data.get(field) or ()):
            if isinstance(entry, str) and "\n" not in entry:
                yield f"{field}[{index}]", entry
    for field in _PATHS:
        for index, entry in enumerate(data.get(field) or ()):
            if isinstance(entry, dict) and entry.get("path"):
                yield f"{field}[{index}].path", str(entry["path"])
    if isinstance(openapi := data.get("openapi"), dict) and openapi.get("path"):
        yield "openapi.path", str(openapi["path"])
    yield from _generated(data)


def _generated(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Files that ConfigMaps and Secrets are made of; before a = stands the key."""
    for field in ("configMapGenerator", "secretGenerator"):
        for index, entry in enumerate(data.get(field) or ()):
            for key in ("files", "envs"):
                for number, text in enumerate(entry.get(key) or ()):
                    yield f"{field}[{index}].{key}[{number}]", str(text).rpartition("=")[2]


def _remote(entry: str) -> bool:
    """As kustomize takes addresses: URLs, git@HOST:PATH, HOST/PATH."""
    first = entry.partition("/")[0]
    return "://" in entry or "@" in first or "?ref=" in entry or ("." in first and first.strip(".") != "")


def _read(file: Path) -> dict[str, Any]:
    try:
        data = yamltext.load(bytes_of(file), strict=False)
    except ValueError as exc:
        raise BundleError("this is no kustomization", where=str(file), why=str(exc)) from exc
    return data if isinstance(data, dict) else {}
