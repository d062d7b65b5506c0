"""Programs for hosts, out of what was built: one file, or an archive of several."""

from pathlib import Path

from slipway.bundle.ground.archive import ArchiveEntry, tree_entries, write_tgz
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make import sources
from slipway.bundle.make.images import Assembler
from slipway.catalog.pins import Binary
from slipway.catalog.versions import Versions
from slipway.model.platforms import AMD64, Platform


def binary_archive(
    versions: Versions, binary: Binary, workshop: Workshop, platform: Platform = AMD64
) -> Path:
    """The file of a binary: itself, or an archive of its files or of its tree."""
    assembler = Assembler(versions, workshop, platform)
    if binary.file:
        return assembler.file(binary.file)
    files = {path: assembler.file(origin) for path, origin in binary.files.items()}
    entries = [ArchiveEntry(path, 0o755, source=file) for path, file in files.items()]
    recipe = {path: f"{file.parent.name}/{file.name}" for path, file in files.items()}
    if binary.tree:
        tree = sources.source_directory(binary.tree, versions, workshop, platform)
        scripts = {path: platform.words(text) for path, text in binary.scripts.items()}
        entries += tree_entries(tree)
        entries += [ArchiveEntry(path, 0o755, data=text.encode()) for path, text in scripts.items()]
        recipe |= {"": tree.name, **scripts}

    def build(dest: Path) -> None:
        write_tgz(dest / "binary.tar.gz", entries)

    return workshop.make("binary", binary.name, binary.version, recipe, build) / "binary.tar.gz"


def binary_origin(versions: Versions, binary: Binary) -> str:
    """The modules it was built from."""
    name = (binary.file or binary.tree or next(iter(binary.files.values()))).partition("/")[0]
    source = versions.source(name)
    if source.type == "debian":
        return f"Debian {source.suite}"
    requires = getattr(source, "requires", {})
    return "built from " + ", ".join(f"{module}@{version}" for module, version in requires.items())
