"""Reads modules, roles, versions and what these can be told into a Catalog.

The only part of the catalog that touches files.

A module's folder: module.yaml, schema.yaml (settings), values templates, perhaps a chart of its own.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from slipway import __version__
from slipway.catalog import shipped
from slipway.catalog.catalog import Catalog
from slipway.catalog.modules import Health, Module, Release, Removal, Requirement, Stage
from slipway.catalog.options import Options
from slipway.digests import json_digest
from slipway.errors import ConfigurationError
from slipway.settings import data_dir
from slipway.smallfiles import bytes_of, text_of

_FIELDS = frozenset(
    {
        "name",
        "version",
        "summary",
        "stage",
        "provides",
        "requires",
        "releases",
        "images",
        "runtimeImages",
        "health",
        "removal",
        "resources",
    }
)


def load(module_dirs: Sequence[Path] | None = None) -> Catalog:
    """The catalog of this release, or of exactly the given directories of modules."""
    from slipway.catalog import versions

    directories = module_dirs if module_dirs is not None else [data_dir() / "modules"]
    return Catalog(
        version=__version__,
        digest=digest(directories),
        modules=_modules(directories),
        roles=_roles(data_dir()),
        versions=versions.load(),
        options=_options(data_dir() / "images" / "kubernetes"),
    )


def digest(module_dirs: Sequence[Path] | None = None) -> str:
    """The digest that `load` would give, from hashing alone: it reads no YAML and needs no heavy library."""
    root = data_dir()
    directories = module_dirs if module_dirs is not None else [root / "modules"]
    folders = [folder for directory in directories for folder in _module_folders(directory)]
    content = {
        "modules": {folder.name: shipped.digest_of_files([folder]) for folder in folders},
        "roles": _roles(root),
        "playbooks": shipped.digest_of_files([root / "playbooks", root / "plugins" / "action"]),
        "versions": shipped.digest_of_files([root / "images" / "versions.yaml"]),
    }
    return json_digest(content)


def _modules(module_dirs: Sequence[Path]) -> dict[str, Module]:
    found: dict[str, Module] = {}
    for directory in module_dirs:
        for folder in _module_folders(directory):
            module = load_module(folder)
            if module.name in found:
                raise ConfigurationError(
                    f"two modules are named {module.name}",
                    where=str(folder / "module.yaml"),
                    why=f"the other one is {found[module.name].directory}",
                    hint="rename one of them",
                )
            found[module.name] = module
    return found


def _options(directory: Path) -> dict[str, Options]:
    """By Kubernetes version, which is the file's name."""
    files = (file for file in shipped.files(directory) if file.suffix == ".json")
    return {file.stem: Options(**json.loads(file.read_bytes())) for file in files}


def _module_folders(directory: Path) -> list[Path]:
    return [folder for folder in shipped.folders(directory) if (folder / "module.yaml").is_file()]


def _roles(root: Path) -> dict[str, str]:
    plugins = [root / "plugins" / part for part in ("modules", "module_utils", "filter")]
    shared = shipped.digest_of_files(plugins)
    folders = shipped.folders(root / "roles")
    return {path.name: json_digest([shipped.digest_of_files([path]), shared]) for path in folders}


def load_module(directory: Path) -> Module:
    """One module from its folder."""
    where = directory / "module.yaml"
    try:
        return _module(directory, _yaml(where))
    except (KeyError, TypeError, ValueError, OSError) as exc:
        raise ConfigurationError(
            f"module {directory.name} cannot be read",
            where=str(where),
            why=f"{type(exc).__name__}: {exc}",
            hint="docs/reference/modules.md describes every field",
        ) from exc


def _module(directory: Path, data: Mapping[str, Any]) -> Module:
    unknown = set(data) - _FIELDS
    if unknown:
        raise ValueError(f"unknown fields {sorted(unknown)}")
    if data["name"] != directory.name:
        raise ValueError(f"name is {data['name']!r}, but its folder is {directory.name!r}")
    health = data.get("health", {})
    images, runtime = (_images(data, field) for field in ("images", "runtimeImages"))
    if twice := sorted(set(images) & set(runtime)):
        raise ValueError(f"{', '.join(twice)}: images and runtimeImages both have it")
    schema_file = directory / "schema.yaml"
    return Module(
        name=data["name"],
        version=str(data["version"]),
        summary=data["summary"],
        stage=Stage(data.get("stage", Stage.PLATFORM)),
        directory=directory,
        digest=shipped.digest_of_files([directory]),
        provides=tuple(data.get("provides", ())),
        requires=tuple(_requirement(item) for item in data.get("requires", ())),
        releases=tuple(_release(directory, item) for item in data.get("releases", ())),
        images=(*images, *runtime),
        runtime_images=runtime,
        health=Health(timeout=int(health.get("timeout", 300)), rules=tuple(health.get("rules", ()))),
        removal=Removal(**data.get("removal", {})),
        resources=data.get("resources", {}),
        schema=_yaml(schema_file) if schema_file.is_file() else _no_settings(),
    )


def _requirement(item: str | Mapping[str, Any]) -> Requirement:
    return Requirement(item) if isinstance(item, str) else Requirement(item["name"], item.get("when", {}))


def _release(directory: Path, item: Mapping[str, Any]) -> Release:
    template = item.get("values", "")
    chart_dir = item.get("chartDir", "")
    return Release(
        name=item["name"],
        chart=item["chart"],
        namespace=item["namespace"],
        create_namespace=item.get("createNamespace", True),
        template=text_of(directory / template) if template else "",
        chart_dir=directory / chart_dir if chart_dir else None,
        labels=item.get("labels", {}),
    )


def samples(module: Module) -> list[dict[str, Any]]:
    """Settings that the module's own tests say are accepted; none given: the defaults alone."""
    file = module.directory / "tests" / "settings.yaml"
    accepted = _yaml(file).get("accepted") if file.is_file() else None
    return list(accepted or [{}])


def _images(data: Mapping[str, Any], field: str) -> tuple[str, ...]:
    found = tuple(_image(reference) for reference in data.get(field, ()))
    if twice := sorted({reference for reference in found if found.count(reference) > 1}):
        raise ValueError(f"{field} has {', '.join(twice)} twice")
    return found


def _image(reference: str) -> str:
    """A reference with its tag; Slipway's own image is written without one."""
    from slipway.catalog.imagenames import parse
    from slipway.catalog.versions import OWN_IMAGE

    if reference == OWN_IMAGE:
        return f"{reference}:{__version__}"
    name = parse(reference)
    if not name.tag:
        raise ValueError(f"image {reference!r} has no tag")
    if not name.full:
        raise ValueError(f"image {reference!r} is no full name; it means {name.reference}")
    return reference


def _yaml(path: Path) -> dict[str, Any]:
    from slipway import yamltext

    data = yamltext.load(bytes_of(path))
    if not isinstance(data, dict):
        raise TypeError(f"{path.name} is not a mapping")
    return data


def _no_settings() -> dict[str, Any]:
    return {"type": "object", "properties": {}, "additionalProperties": False}
