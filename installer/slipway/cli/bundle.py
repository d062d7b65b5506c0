"""`slipway bundle`: build, look at, check and push a bundle directory. Parsing and printing only."""

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slipway.cli.output import DEFAULT_FILE, ConfigurationFile, Format, Output, colour, emit, table, warn
from slipway.errors import ERROR

if TYPE_CHECKING:
    from slipway.model.configuration import Configuration

app = typer.Typer(no_args_is_help=True, help="Everything a site without Internet needs, in one directory.")

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="The bundle.")]
MIB = 1 << 20
#: In the place of a directory: standard output or input.
STREAM = "-"


@app.command(epilog="Example: slipway bundle build -f cluster.yaml -o /media/usb/bundle")
def build(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where to write the bundle.")],
    file: ConfigurationFile = DEFAULT_FILE,
    systems: Annotated[
        str, typer.Option("--os", help="Comma-separated, as debian-12,debian-13.")
    ] = "debian-12,debian-13",
    packages: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SYSTEM=DIR",
            help="Packages that you have gathered for a system that --os does not fetch, as rocky-9=rpms. Repeatable.",
        ),
    ] = None,
    modules: Annotated[str | None, typer.Option(help="Comma-separated; unset: all of the catalog.")] = None,
    # Here -o is the directory, as with every tool that builds something.
    output: Annotated[Format, typer.Option("--output", help="text or json.")] = Format.TEXT,
) -> None:
    """Build all that a ClusterConfiguration needs; what is built or there already is not made again."""
    from slipway import catalog as catalogs
    from slipway.api import read
    from slipway.bundle.build import build_bundle
    from slipway.bundle.info import describe
    from slipway.planning.roles import packages_of

    catalog, configuration = catalogs.load(), read.load(file)
    started = time.monotonic()
    manifest = build_bundle(
        catalog.versions,
        catalog,
        out,
        kubernetes=_kubernetes(configuration, file),
        modules=modules.split(",") if modules else list(catalog.modules),
        systems=tuple(name for name in systems.split(",") if name),
        packages=packages_of(configuration),
        gathered=_gathered(packages or ()),
        progress=lambda text: print(text, file=sys.stderr, flush=True),
    )
    if output is Format.JSON:
        emit(describe(manifest) | {"directory": str(out), "seconds": round(time.monotonic() - started, 1)})
        return
    size = sum(artifact.size for artifact in manifest.artifacts) // MIB
    print(f"{out}: {len(manifest.artifacts)} artifacts, {size} MiB, in {time.monotonic() - started:.1f} s")
    print(f"digest {manifest.digest}")


def _gathered(options: Iterable[str]) -> dict[str, Path]:
    """Directories by system."""
    found = {}
    for option in options:
        system, equals, directory = option.partition("=")
        if not equals or not Path(directory).is_dir():
            raise typer.BadParameter(
                f"{option}: SYSTEM=DIR, where DIR is a directory of packages", param_hint="--packages"
            )
        found[system] = Path(directory)
    return found


@app.command()
def info(directory: Directory, output: Output = Format.TEXT) -> None:
    """Show what a bundle holds, and where contents are not what an image's name says."""
    from slipway.bundle import manifest as manifests
    from slipway.bundle.info import describe

    manifest = manifests.read(directory)
    if output is Format.JSON:
        emit(describe(manifest))
        return
    print(f"{colour(manifest.name, 'bold')}  {manifest.digest}\n")
    rows = [
        (str(a.kind), a.reference, f"{a.size / MIB:.1f}", a.digest[7:19], a.contents or a.origin)
        for a in manifest.artifacts
    ]
    table(("KIND", "NAME", "MIB", "DIGEST", "CONTENTS"), rows)


@app.command(epilog="Example: slipway bundle verify bundle -f cluster.yaml")
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
    from slipway.bundle import verify as checks
    from slipway.bundle.info import carried_modules
    from slipway.bundle.signing import read_public, require
    from slipway.bundle.source import DirectorySource
    from slipway.cli.catalog import site_of
    from slipway.engine.closure import Closure, closure
    from slipway.errors import BundleError

    configuration = site_of(file) if file else None
    trusted = configuration.spec.bundle.trusted_keys if configuration else ()
    source = DirectorySource(directory, trusted)
    manifest, catalog = source.manifest(), catalogs.load()
    if key:
        require(directory, [read_public(name) for name in key])
    findings = tuple(checks.verify(directory))
    if findings:
        hint = "copy the bundle again, or build it again over the same directory"
        raise BundleError("the bundle is damaged", where=str(directory), findings=findings, hint=hint)
    whole = closure(configuration, catalog, source) if configuration else Closure()
    declared = [image for module in carried_modules(manifest, catalog) for image in module.images]
    known = {finding.path for finding in whole.findings}
    absent = [item for item in checks.missing_images(manifest, declared) if item.path not in known]
    wrong = (*(item for item in whole.findings if item.severity == ERROR), *absent)
    if wrong:
        raise BundleError("the bundle is not complete", where=str(directory), findings=wrong)
    if output is Format.JSON:
        told = {"directory": str(directory), "digest": manifest.digest, "artifacts": len(manifest.artifacts)}
        emit({**told, "images": whole.images, "owners": whole.owners, "findings": whole.findings})
        return
    warn(whole.findings)
    print(f"{directory}: {len(manifest.artifacts)} artifacts, all as {manifest.digest} says")
    if configuration:
        print(f"{file}: all {len(whole.images)} images are in it, of {', '.join(whole.owners)}")


@app.command(epilog="Example: slipway bundle diff old new")
def diff(
    before: Annotated[Path, typer.Argument(metavar="A", help="A bundle.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="Another one.")],
    output: Output = Format.TEXT,
) -> None:
    """Show what B has that A has not, and the other way round."""
    from dataclasses import asdict

    from slipway.bundle.difference import difference
    from slipway.bundle.manifest import read

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


@app.command(epilog="Example: slipway bundle keygen ~/keys/site")
def keygen(
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="Of the private key; the public one is FILE.pub.")
    ],
    comment: Annotated[str, typer.Option(help="Stands behind the public key, for people.")] = "slipway",
    output: Output = Format.TEXT,
) -> None:
    """Make a key pair to sign bundles with. The private key is for its owner alone, and has no password."""
    from slipway.bundle.signing import keygen as make

    line = make(path, comment)
    if output is Format.JSON:
        emit({"public": line, "path": str(path)})
        return
    print(f"{line}\n\nLet a site trust it, in its ClusterConfiguration: spec.bundle.trustedKeys", flush=True)


@app.command(epilog="Example: slipway bundle sign bundle --key ~/keys/site")
def sign(
    directory: Directory,
    key: Annotated[Path, typer.Option(metavar="FILE", help="A private key of Ed25519, in OpenSSH's form.")],
    output: Output = Format.TEXT,
) -> None:
    """Sign a bundle's manifest, and by its digests everything in the bundle."""
    from slipway.bundle.signing import sign as sign_bundle

    signer = sign_bundle(directory, key)
    if output is Format.JSON:
        emit({"directory": str(directory), "key": signer})
    else:
        print(f"{directory}: signed by {signer}")


@app.command(epilog="Example: slipway bundle export bundle -o /media/usb --volume-size 4G")
def export(
    directory: Directory,
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="DIR", help="Where to; - is one stream to standard output.")
    ],
    volume_size: Annotated[
        str | None, typer.Option(metavar="SIZE", help="As 4G or 700Mi; unset: one volume.")
    ] = None,
    output: Annotated[Format, typer.Option("--output", help="text or json.")] = Format.TEXT,
) -> None:
    """Pack a bundle into numbered volumes, each with its sha256 beside it. One that is there is not made again."""
    from slipway.bundle.exporting import export as export_bundle
    from slipway.bundle.exporting import headers_of, write_volume

    if out == STREAM:
        write_volume(directory, next(headers_of(directory, None)), sys.stdout.buffer)
        return
    limit = _size(volume_size) if volume_size else None
    volumes = export_bundle(
        directory, Path(out), limit, lambda text: print(text, file=sys.stderr, flush=True)
    )
    if output is Format.JSON:
        emit({"volumes": [{"path": str(path), "bytes": path.stat().st_size} for path in volumes]})
        return
    size = sum(path.stat().st_size for path in volumes) // MIB
    print(f"{out}: {len(volumes)} volumes, {size} MiB; sha256sum -c *.sha256 checks them")


@app.command("import", epilog="Example: slipway bundle import /media/usb -o bundle")
def import_(
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE...", help="Volumes, their directory, or - for a stream.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Where to; the same again goes on.")
    ],
    output: Annotated[Format, typer.Option("--output", help="text or json.")] = Format.TEXT,
) -> None:
    """Make a bundle of volumes. They may come one after the other; every byte is checked on the way."""
    from slipway.bundle.importing import Import, import_files

    if sources == [STREAM]:
        work = Import(out)
        work.volume("standard input", sys.stdin.buffer)
        manifest = work.finish()
    else:
        manifest = import_files(_volumes(sources), out)
    if output is Format.JSON:
        emit({"directory": str(out), "digest": manifest.digest, "artifacts": len(manifest.artifacts)})
        return
    print(f"{out}: {len(manifest.artifacts)} artifacts, all as {manifest.digest} says")


def _size(text: str) -> int:
    from slipway.bundle.volumes import size_in_bytes

    try:
        return size_in_bytes(text)
    except ValueError as exc:
        raise typer.BadParameter(str(exc), param_hint="--volume-size") from exc


def _volumes(sources: Iterable[str]) -> list[Path]:
    """Files, and the volumes in directories."""
    found: list[Path] = []
    for source in map(Path, sources):
        if not source.exists():
            raise typer.BadParameter(f"{source} does not exist", param_hint="SOURCE")
        found += source.glob("*-of-*.tar") if source.is_dir() else [source]
    return found


@app.command(epilog="Example: slipway bundle push /media/usb/bundle -f cluster.yaml")
def push(
    directory: Annotated[
        Path, typer.Argument(metavar="[DIR]", envvar="SLIPWAY_BUNDLE", help="The bundle.")
    ] = Path("bundle"),
    file: ConfigurationFile = DEFAULT_FILE,
    output: Output = Format.TEXT,
) -> int:
    """Copy a bundle into the site registry, which is brought up first where it is not there yet. Nothing else."""
    from slipway.cli.running import carry_out, opened
    from slipway.model.observed import Scope
    from slipway.planning.plan import mirror_only

    return carry_out(opened(file, directory), Scope.TARGETS, yes=True, output=output, narrow=mirror_only)


def _kubernetes(configuration: "Configuration", file: Path) -> str:
    from slipway.errors import ConfigurationError

    if configuration.spec.kubernetes is None:
        raise ConfigurationError(
            "names no Kubernetes version, so there is nothing to build a bundle for",
            where=f"{file}: spec.kubernetes",
            hint="build it for the ClusterConfiguration that has the hosts",
        )
    return configuration.spec.kubernetes.version
