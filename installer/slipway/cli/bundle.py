"""`slipway bundle`: look at, check and compare bundle directories. Parsing and printing only."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slipway.cli.bundling import bundlecarry, bundlelock, bundlemake, bundlepush, bundlescan
from slipway.cli.views.output import (
    DEFAULT_FILE,
    ConfigurationFile,
    Format,
    Output,
    colour,
    emit,
    table,
    warn,
)
from slipway.errors import ERROR

if TYPE_CHECKING:
    from slipway.model.bundle import BundleManifest

app = typer.Typer(no_args_is_help=True, help="Everything a site without Internet needs, in one directory.")


class Bill(StrEnum):
    """Formats of bills of materials."""

    SPDX = "spdx"
    CYCLONEDX = "cyclonedx"


Directory = Annotated[Path, typer.Argument(metavar="DIR", help="The bundle.")]
MIB = 1 << 20
#: Items that are named for each licence.
EXAMPLES = 2


def info(
    directory: Directory,
    licences: Annotated[
        bool, typer.Option("--licences", help="The licences instead, and what has them.")
    ] = False,
    output: Output = Format.TEXT,
) -> None:
    """Show what a bundle holds, and where contents are not what an image's name says; or under which licences it is."""
    from slipway.bundle.form import manifest as manifests
    from slipway.bundle.verify.info import bundle_facts, unread_images
    from slipway.cli.views.unreadview import unread_text
    from slipway.model.platforms import AMD64

    manifest = manifests.read(directory)
    if licences:
        _licences(manifest, output)
        return
    if output is Format.JSON:
        emit(bundle_facts(manifest))
        return
    print(f"{colour(manifest.name, 'bold')}  {manifest.digest}\n")
    several = any(a.platform != AMD64.name for a in manifest.artifacts)
    rows = [
        (
            str(a.kind),
            a.reference,
            *(["" if a.platform == AMD64.name else a.platform] if several else ()),
            f"{a.size / MIB:.1f}",
            a.digest[7:19],
            a.contents or a.origin,
        )
        for a in manifest.artifacts
    ]
    table(("KIND", "NAME", *(["PLATFORM"] if several else ()), "MIB", "DIGEST", "CONTENTS"), rows)
    if unread := unread_images(manifest):
        print(f"\n{unread_text(unread)}")


def _licences(manifest: "BundleManifest", output: Format) -> None:
    from slipway.bundle.licences.expression import UNKNOWN
    from slipway.bundle.verify.info import licences_by_item

    found = licences_by_item(manifest)
    if output is Format.JSON:
        emit(found)
        return
    items = {entry["licence"]: entry["items"] for entry in found["licences"]}
    doubtful = {"unknown, of parts": items.pop(UNKNOWN, []), "unknown": found["unknown"]}
    print(f"{colour(manifest.name, 'bold')}  {manifest.digest}\n")
    rows = [(name, names) for name, names in (items | doubtful).items() if names]
    cells = [(name, str(len(names)), ", ".join(names[:EXAMPLES])) for name, names in rows]
    table(("LICENCE", "ITEMS", "FOR EXAMPLE"), cells)


def verify(
    directory: Directory,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            "-f",
            envvar="SLIPWAY_FILE",
            help="A ClusterConfiguration: whether every image is there to which the bundle's charts refer for it.",
        ),
    ] = None,
    key: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE.pub", help="Refuse a bundle that none of these signed. Repeatable."),
    ] = None,
    output: Output = Format.TEXT,
) -> None:
    """Check every byte of a bundle, and that no image is missing: of its modules' lists, of a site's charts.

    For a site's charts Helm is run, out of the bundle; not before its bytes, and the signature where keys are given
    here or in spec.bundle.trustedKeys, were found right.
    """
    from slipway import catalog as catalogs
    from slipway.bundle.form.manifest import SIGNATURE
    from slipway.bundle.site.source import DirectorySource
    from slipway.bundle.verify import checks
    from slipway.bundle.verify.info import carried_modules
    from slipway.bundle.verify.signing import check_signature, read_public
    from slipway.cli.catalog import site_of
    from slipway.engine.enquiry.closure import Closure, closure
    from slipway.engine.supply.bundled import catalog_of_bundle
    from slipway.errors import BundleError
    from slipway.settings import cache_dir

    configuration = site_of(file) if file else None
    trusted = configuration.spec.bundle.trusted_keys if configuration else ()
    source = DirectorySource(directory, trusted, cache_dir=cache_dir() if trusted or key else None)
    manifest = source.manifest()
    catalog = (
        catalogs.load_beside(configuration.spec.module_sources, file)
        if file and configuration
        else catalogs.load()
    )
    catalog = catalog_of_bundle(catalog, manifest, source) if manifest.catalog == catalog.core else catalog
    if key:
        bundle = source.verified()
        beside = str(directory / SIGNATURE)
        check_signature(bundle.text, bundle.signature, beside, [read_public(name) for name in key])
    findings = tuple(checks.damaged_files(directory, manifest))
    if findings:
        hint = "copy the bundle again, or build it again over the same directory"
        raise BundleError("the bundle is damaged", where=str(directory), findings=findings, hint=hint)
    whole = closure(configuration, catalog, source) if configuration else Closure()
    declared = [image for module in carried_modules(manifest, catalog) for image in module.images_always]
    platforms = configuration.platforms if configuration else ()
    foreign = checks.missing_platforms(directory, manifest, (*whole.images, *declared), platforms)
    known = {finding.path for finding in whole.findings}
    absent = [item for item in checks.missing_images(manifest, declared) if item.path not in known]
    wrong = (*(item for item in whole.findings if item.severity is ERROR), *absent, *foreign)
    if wrong:
        raise BundleError("the bundle is not complete", where=str(directory), findings=wrong)
    strange = tuple(checks.unlisted_files(directory, manifest))
    if strange:
        raise BundleError("the bundle has files of somebody else", where=str(directory), findings=strange)
    if output is Format.JSON:
        told = {"directory": str(directory), "digest": manifest.digest, "artifacts": len(manifest.artifacts)}
        emit({**told, "images": whole.images, "owners": whole.owners, "findings": whole.findings})
        return
    warn(whole.findings)
    _tell_verified(directory, manifest)
    if configuration:
        print(f"{file}: all {len(whole.images)} images are in it, of {', '.join(whole.owners)}")


def _tell_verified(directory: Path, manifest: "BundleManifest") -> None:
    from slipway.bundle.form.delta import Delta

    left_out = len(Delta.read(directory, manifest).absent)
    delta = f"; a delta: {left_out} files are left out, which the site has" if left_out else ""
    print(f"{directory}: {len(manifest.artifacts)} artifacts, all as {manifest.digest} says{delta}")


def sbom(
    directory: Directory,
    output: Annotated[
        Bill, typer.Option("--output", "-o", help="spdx (2.3) or cyclonedx (1.6), both JSON.")
    ] = Bill.SPDX,
) -> None:
    """Print the bill of materials that was written when the bundle was built: every item, and the packages in it."""
    from slipway.bundle.site.source import DirectorySource
    from slipway.errors import BundleError
    from slipway.model.bundle import ArtifactKind

    source = DirectorySource(directory)
    found = source.manifest().find(ArtifactKind.SBOM, output)
    if found is None:
        hint = "build it again: slipway bundle build -f cluster.yaml -o DIR"
        raise BundleError("the bundle has no bill of materials", where=str(directory), hint=hint)
    sys.stdout.write(source.path(found).read_text(encoding="utf-8"))


def diff(
    before: Annotated[Path, typer.Argument(metavar="A", help="A bundle.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="Another one.")],
    output: Output = Format.TEXT,
) -> None:
    """Show what B has that A has not, and the other way round."""
    from dataclasses import asdict

    from slipway.bundle.form.manifest import read
    from slipway.bundle.verify.difference import difference

    found = difference(read(before), read(after))
    if output is Format.JSON:
        emit(asdict(found))
        return
    rows = [("+", str(a.kind), a.reference, f"{a.size / MIB:.1f}") for a in found.added]
    rows += [("-", str(a.kind), a.reference, f"{a.size / MIB:.1f}") for a in found.removed]
    for change in found.changed:
        old, new = change.before, change.after
        versions = (
            f"{old.version} -> {new.version}"
            if old.version != new.version
            else f"{new.version}, other contents"
        )
        rows.append(("~", str(new.kind), f"{new.name}  {versions}", f"{new.size / MIB:.1f}"))
    if found.none:
        print("the same")
    else:
        table(("", "KIND", "NAME", "MIB"), rows)


def inventory(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where to write it.")],
    file: ConfigurationFile = DEFAULT_FILE,
    output: Annotated[Format, typer.Option("--output", help="text or json.")] = Format.TEXT,
) -> None:
    """Write down what the site registry has, to carry out: `bundle build --since` leaves that out."""
    from slipway.bundle.site.inventory import inventory_of
    from slipway.engine.context import open_context
    from slipway.engine.registry import registry_source

    context = open_context(file)
    host = context.configuration.registry_host
    source = registry_source(context.configuration, context.secrets, context.state, host)
    found = inventory_of(source.client, source.manifest())
    found.write(out)
    if output is Format.JSON:
        emit({"path": str(out), "bundle": found.bundle, "blobs": len(found.blobs)})
    else:
        print(f"{out}: {len(found.blobs)} blobs of {found.bundle}")


def _commands() -> None:
    """In the order in which a bundle meets them."""
    for name, command, example in (
        ("build", bundlemake.build, "build -f cluster.yaml -o /media/usb/bundle"),
        ("lock", bundlelock.lock, "lock -f cluster.yaml --image docker.io/library/redis:7.4"),
        ("info", info, "info bundle"),
        ("verify", verify, "verify bundle -f cluster.yaml"),
        ("diff", diff, "diff old new"),
        ("sbom", sbom, "sbom bundle -o cyclonedx > bundle.cdx.json"),
        ("scan", bundlescan.scan, "scan bundle --database osv --fail-on high"),
        ("keygen", bundlecarry.keygen, "keygen ~/keys/site"),
        ("sign", bundlecarry.sign, "sign bundle --key ~/keys/site"),
        ("export", bundlecarry.export, "export bundle -o /media/usb --volume-size 4G"),
        ("import", bundlecarry.import_, "import /media/usb -o bundle"),
        ("push", bundlepush.push, "push /media/usb/bundle -f cluster.yaml"),
        ("receipt", bundlepush.receipt, "receipt -f cluster.yaml"),
        ("inventory", inventory, "inventory -f cluster.yaml -o inventory.json"),
    ):
        app.command(name, epilog=f"Example: slipway bundle {example}")(command)


_commands()
