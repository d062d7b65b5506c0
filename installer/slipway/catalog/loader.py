"""Reads modules, roles, versions and what these can be told into a Catalog."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from slipway import __version__
from slipway.catalog import shipped, versions
from slipway.catalog.catalog import Catalog, whole_digest
from slipway.catalog.folder.infolder import is_there
from slipway.catalog.folder.reading import MODULE, load_build, load_module
from slipway.catalog.modules import Module
from slipway.catalog.options import Options
from slipway.catalog.versions import Versions
from slipway.digests import json_digest
from slipway.errors import ConfigurationError
from slipway.landing import real
from slipway.model.modulesources import ModuleSource
from slipway.settings import data_dir


def load(module_dirs: Sequence[Path] | None = None) -> Catalog:
    """The catalog of this release, or of exactly the given directories of modules."""
    directories = module_dirs if module_dirs is not None else [data_dir() / "modules"]
    modules, pinned, broken = _modules(directories)
    return Catalog(
        version=__version__,
        core=core_digest(),
        folders=_folder_digests(_folders(directories), modules),
        modules=modules,
        broken=broken,
        roles=_roles(data_dir()),
        versions=pinned,
        options=_options(data_dir() / "images" / "kubernetes"),
    )


def load_beside(sources: Mapping[str, ModuleSource], file: Path) -> Catalog:
    """This release with the modules in directories of a site, which are beside the `file` that names them.

    Raises:
        ConfigurationError: a directory has no module, or one that is there already.
    """
    base = real(file).parent
    found = {name: base / one.directory for name, one in sources.items() if one.directory}
    for name, directory in found.items():
        if not _module_folders(directory):
            raise ConfigurationError(
                f"module source {name} has no module",
                where=f"spec.moduleSources.{name}.directory: {directory}",
                hint="name the directory that has the modules' folders, each with a module.yaml",
            )
    return load([data_dir() / "modules", *found.values()])


def digest(module_dirs: Sequence[Path] | None = None) -> str:
    """The digest that `load` would give, from hashing alone: it reads no YAML and needs no heavy library."""
    directories = module_dirs if module_dirs is not None else [data_dir() / "modules"]
    return whole_digest(core_digest(), _folder_digests(_folders(directories), {}))


def with_folders(release: Catalog, folders: Sequence[Path]) -> Catalog:
    """A catalog with the modules of further folders: before its own of the same names, each usable or broken."""
    names = {folder.name for folder in folders}
    modules = {name: module for name, module in release.modules.items() if name not in names}
    broken = {name: error for name, error in release.broken.items() if name not in names}
    for folder in folders:
        try:
            modules[folder.name] = load_module(folder)
        except ConfigurationError as exc:
            broken[folder.name] = exc
    digests = _folder_digests(folders, modules)
    return replace(
        release,
        modules=dict(sorted(modules.items())),
        broken=broken,
        folders=dict(sorted({**release.folders, **digests}.items())),
        replaced=tuple(sorted({*release.replaced, *(digests.keys() & release.folders.keys())})),
    )


def core_digest() -> str:
    """Of all that is no module: what hosts are made by, and what an operator carries in its image."""
    root = data_dir()
    content = {
        "release": __version__,
        "roles": _roles(root),
        "playbooks": shipped.digest_of_files([root / "playbooks", root / "plugins" / "action"]),
        "versions": shipped.digest_of_files([root / "images" / "versions.yaml"]),
    }
    return json_digest(content)


def _folder_digests(folders: Iterable[Path], modules: Mapping[str, Module]) -> dict[str, str]:
    """By name; what was hashed when it was read is not hashed again."""
    return {
        folder.name: modules[folder.name].digest
        if folder.name in modules
        else shipped.digest_of_module(folder)
        for folder in folders
    }


def _modules(
    module_dirs: Sequence[Path],
) -> tuple[dict[str, Module], Versions, dict[str, ConfigurationError]]:
    """By name: modules, and what is wrong with those that cannot be used; between them what all pin."""
    found: dict[str, Module] = {}
    pinned = versions.load()
    broken: dict[str, ConfigurationError] = {}
    places: dict[str, Path] = {}
    for folder in _folders(module_dirs):
        if folder.name in places:
            raise ConfigurationError(
                f"two modules are named {folder.name}",
                where=str(folder / MODULE),
                why=f"the other one is {places[folder.name]}",
                hint="rename one of them",
            )
        places[folder.name] = folder
        try:
            module = load_module(folder)
            pinned = load_build(folder, pinned)
            found[folder.name] = module
        except ConfigurationError as exc:
            broken[folder.name] = exc
    return found, pinned, broken


def _options(directory: Path) -> dict[str, Options]:
    """By Kubernetes version, which is the file's name."""
    files = (file for file in shipped.files(directory) if file.suffix == ".json")
    return {file.stem: Options(**json.loads(file.read_bytes())) for file in files}


def _folders(directories: Sequence[Path]) -> Iterator[Path]:
    return (folder for directory in directories for folder in _module_folders(directory))


def _module_folders(directory: Path) -> list[Path]:
    return [folder for folder in shipped.folders(directory) if is_there(folder / MODULE)]


def _roles(root: Path) -> dict[str, str]:
    plugins = [root / "plugins" / part for part in ("modules", "module_utils", "filter")]
    shared = shipped.digest_of_files(plugins)
    folders = shipped.folders(root / "roles")
    return {path.name: json_digest([shipped.digest_of_files([path]), shared]) for path in folders}
