"""`slipway bundle` on its way from one side to the other: keys, signatures, volumes. Parsing and printing only."""

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from slipway.cli.views.output import Format, Output, emit, tell

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="The bundle.")]
MIB = 1 << 20
#: In the place of a directory: standard output or input.
STREAM = "-"


def keygen(
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="Of the private key; the public one is FILE.pub.")
    ],
    comment: Annotated[str, typer.Option(help="Stands behind the public key, for people.")] = "slipway",
    output: Output = Format.TEXT,
) -> None:
    """Make a key pair to sign bundles with. The private key is for its owner alone, and has no password."""
    from slipway.bundle.verify.signing import keygen as make

    line = make(path, comment)
    if output is Format.JSON:
        emit({"public": line, "path": str(path)})
        return
    print(f"{line}\n\nLet a site trust it, in its ClusterConfiguration: spec.bundle.trustedKeys", flush=True)


def sign(
    directory: Directory,
    key: Annotated[Path, typer.Option(metavar="FILE", help="A private key of Ed25519, in OpenSSH's form.")],
    site: Annotated[
        str,
        typer.Option(metavar="NAME", help="No other ClusterConfiguration takes it than that of this name."),
    ] = "",
    output: Output = Format.TEXT,
) -> None:
    """Sign a bundle's manifest, and by its digests everything in the bundle.

    The moment is in the signature: a site that took this bundle takes none that was signed before.
    """
    from slipway.bundle.verify.signing import sign as sign_bundle

    seal = sign_bundle(directory, key, int(time.time()), site)
    if output is Format.JSON:
        emit({"directory": str(directory), "key": seal.key, "serial": seal.serial, "site": seal.site})
    else:
        print(f"{directory}: signed by {seal.key}{f' for {site}' if site else ''}")


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
    from slipway.bundle.carry.exporting import INSTALLER, headers_of, write_volume
    from slipway.bundle.carry.exporting import export as export_bundle

    if out == STREAM:
        write_volume(directory, next(headers_of(directory, None)), sys.stdout.buffer)
        return
    limit = _size(volume_size) if volume_size else None
    files = export_bundle(directory, Path(out), limit, tell)
    installers = [path for path in files if path.name.endswith(INSTALLER)]
    volumes = [path for path in files if path not in installers]
    if output is Format.JSON:
        sizes = [{"path": str(path), "bytes": path.stat().st_size} for path in volumes]
        emit({"volumes": sizes, "installer": str(installers[0]) if installers else None})
        return
    size = sum(path.stat().st_size for path in files) // MIB
    print(f"{out}: {len(volumes)} volumes, {size} MiB; sha256sum -c *.sha256 checks them")
    for path in installers:
        folder = path.name.removesuffix(INSTALLER)
        print(f"where there is no Slipway yet: tar xf {path.name} && bash {folder}/install.sh")


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
    from slipway.bundle.carry.importing import Import, import_files

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
    from slipway.bundle.carry.volumes import size_in_bytes

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
