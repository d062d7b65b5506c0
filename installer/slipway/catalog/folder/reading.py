"""One module from its folder: module.yaml, schema.yaml (settings), build.yaml, values templates, perhaps a chart."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from slipway import __version__
from slipway.api import explain
from slipway.catalog import shipped
from slipway.catalog.folder.build import Build, build_mistakes, twice_findings, with_build
from slipway.catalog.folder.infolder import FIELDS, is_there, unreadable, yaml_of
from slipway.catalog.folder.lock import LockFile
from slipway.catalog.folder.modulefile import ModuleFile
from slipway.catalog.folder.releases import release_mistakes, release_of
from slipway.catalog.folder.schemafile import schema_mistakes
from slipway.catalog.folder.upgradeentries import upgrade_mistakes
from slipway.catalog.modules import Acknowledged, Module, Stage
from slipway.catalog.relations.terms import VersionRange
from slipway.catalog.secrets import entry_mistakes
from slipway.catalog.versions import OWN_IMAGE, Versions
from slipway.errors import ConfigurationError, Finding
from slipway.findings import FindingCode
from slipway.model.fields import Model

#: What makes a folder a module.
MODULE: Final = "module.yaml"
SETTINGS: Final = "schema.yaml"
#: What its charts at repositories are; written by `slipway catalog lock`.
LOCK: Final = "lock.yaml"
#: How its images are assembled and where its charts come from.
BUILD: Final = "build.yaml"


def load_module(directory: Path) -> Module:
    """The module.

    Raises:
        ConfigurationError: with all that is wrong in the folder, each with its field.
    """
    where = directory / MODULE
    try:
        read, lock = ModuleFile.model_validate(yaml_of(where)), lock_of(directory)
        mistakes = tuple(_mistakes(read, directory))
        if not mistakes:
            return _module(read, lock, directory)
    except ValidationError as exc:
        mistakes = tuple(explain.findings(exc, ModuleFile, ""))
    except (TypeError, ValueError, OSError) as exc:
        raise unreadable(where, exc) from exc
    raise _mistaken(where, mistakes)


def lock_of(directory: Path) -> LockFile:
    """What its lock.yaml says; without one, nothing.

    Raises:
        ConfigurationError: it cannot be read.
    """
    where = directory / LOCK
    try:
        return LockFile.model_validate(yaml_of(where)) if is_there(where) else LockFile()
    except ValidationError as exc:
        raise _mistaken(where, tuple(explain.findings(exc, LockFile, ""))) from exc


def load_build(directory: Path, versions: Versions) -> Versions:
    """These pins, and those of the module's build.yaml where it has one.

    Raises:
        ConfigurationError: with all that is wrong in it.
    """
    where = directory / BUILD
    try:
        build = build_of(directory)
        mistakes = tuple(build_mistakes(versions, directory, build))
    except ValidationError as exc:
        mistakes = tuple(explain.findings(exc, Build, ""))
    except (TypeError, ValueError, OSError) as exc:
        raise unreadable(where, exc) from exc
    if mistakes:
        raise _mistaken(where, mistakes)
    return with_build(versions, directory, build)


def build_of(directory: Path) -> Build:
    """What its build.yaml says; without one, nothing.

    Raises:
        ConfigurationError: it cannot be read.
        ValidationError: it says what it cannot say.
    """
    where = directory / BUILD
    return Build.model_validate(yaml_of(where)) if is_there(where) else Build()


class Rejected(Model):
    """Settings that are refused: at `path`, with `hint` in what is said."""

    settings: dict[str, Any]
    path: str
    hint: str = ""


class Former(Model):
    """Settings as an older version had them, and what they become in this one."""

    settings: dict[str, Any]
    becomes: dict[str, Any]


class Cases(Model):
    """tests/settings.yaml of a module."""

    accepted: tuple[dict[str, Any], ...] = ()
    rejected: tuple[Rejected, ...] = ()
    converted: tuple[Former, ...] = ()


def cases(module: Module) -> Cases:
    """Settings that the module's own tests say are accepted, and refused.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    where = module.directory / "tests" / "settings.yaml"
    try:
        return Cases.model_validate(yaml_of(where)) if is_there(where) else Cases()
    except ValidationError as exc:
        raise _mistaken(where, tuple(explain.findings(exc, Cases, ""))) from exc


def samples(module: Module) -> list[dict[str, Any]]:
    """Settings that are accepted; where none are given, the defaults alone."""
    return list(cases(module).accepted or [{}])


def _mistaken(where: Path, mistakes: tuple[Finding, ...]) -> ConfigurationError:
    many = "one mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    return ConfigurationError(
        f"{where.name} of a module has {many}", where=str(where), hint=FIELDS, findings=mistakes
    )


def _module(read: ModuleFile, lock: LockFile, directory: Path) -> Module:
    images, runtime = (
        tuple(_tagged(one.image) for one in part) for part in (read.images, read.runtime_images)
    )
    return Module(
        name=read.name,
        version=read.version,
        summary=read.summary,
        group=read.group,
        stage=Stage(read.stage),
        directory=directory,
        digest=shipped.digest_of_module(directory),
        provides=tuple(entry.capability() for entry in read.provides),
        requires=tuple(entry.required() for entry in read.requires),
        uses=tuple(entry.use() for entry in read.uses),
        conflicts=tuple(entry.rival() for entry in read.conflicts),
        kubernetes=VersionRange.parse(read.kubernetes) if read.kubernetes else VersionRange(),
        releases=tuple(release_of(entry, lock, directory) for entry in read.releases),
        images=(*images, *runtime),
        runtime_images=runtime,
        image_conditions={
            _tagged(one.image): one.when for one in (*read.images, *read.runtime_images) if one.when
        },
        acknowledged=tuple(Acknowledged(one.image, one.reason) for one in read.acknowledged_images),
        health=read.health.health(),
        kinds=read.health.kinds,
        removal=read.removal.policy(),
        upgrades=tuple(entry.upgrade(directory) for entry in read.upgrades),
        resources=tuple(entry.requests() for entry in read.resources),
        schema=_schema(directory / SETTINGS),
        lock=lock if lock.of_charts or lock.digests else None,
        secrets=read.secrets,
    )


def _mistakes(read: ModuleFile, directory: Path) -> Iterator[Finding]:
    """What the fields mean together, and with the folder."""
    if read.name != directory.name:
        yield Finding("name", f"is {read.name!r}, but its folder is {directory.name!r}", code=_BAD)
    yield from twice_findings("releases", [entry.name for entry in read.releases], "name")
    yield from release_mistakes(read.releases, directory)
    yield from upgrade_mistakes(read.upgrades, directory)
    runtime = "runtimeImages"
    declared = {
        field: [one.image for one in entries]
        for field, entries in (("images", read.images), (runtime, read.runtime_images))
    }
    for field, images in declared.items():
        yield from twice_findings(field, images)
        for index, image in enumerate(images):
            if problem := _image_problem(image):
                yield Finding(f"{field}[{index}]", problem, code=_BAD)
    for image in sorted({*declared["images"]} & {*declared[runtime]}):
        yield Finding(runtime, f"has {image}, as images has", code=_TWICE)
    known = [entry.image for entry in read.acknowledged_images]
    yield from twice_findings("acknowledgedImages", known, "image")
    for index, image in enumerate(known):
        if image in {*declared["images"], *declared[runtime]}:
            yield Finding(f"acknowledgedImages[{index}].image", f"{image} is declared as well", code=_TWICE)
    yield from entry_mistakes(read.secrets, {entry.namespace for entry in read.releases})


def _image_problem(reference: str) -> str:
    from slipway.catalog.images.names import parse

    if reference == OWN_IMAGE:
        return ""
    name = parse(reference)
    if not name.tag:
        return f"{reference!r} has no tag"
    return "" if name.full else f"{reference!r} is no full name; it means {name.reference}"


def _tagged(reference: str) -> str:
    """With a tag also for Slipway's own image, which is written without one."""
    return f"{reference}:{__version__}" if reference == OWN_IMAGE else reference


def _schema(where: Path) -> dict[str, Any]:
    schema = yaml_of(where) if is_there(where) else _no_settings()
    if mistakes := tuple(schema_mistakes(schema)):
        raise _mistaken(where, mistakes)
    return schema


def _no_settings() -> dict[str, Any]:
    return {"type": "object", "properties": {}, "additionalProperties": False}


_BAD: Final = FindingCode.BAD_VALUE
_TWICE: Final = FindingCode.DUPLICATE
