"""`slipway registry`: the site registry that Slipway runs."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from slipway.cli.views.output import (
    DEFAULT_FILE,
    ConfigurationFile,
    Format,
    Output,
    colour,
    confirm,
    emit,
    tell,
)
from slipway.errors import ApprovalRequired, before_changes

if TYPE_CHECKING:
    from slipway.engine.errands.sweeping import Sweepable, Swept

app = typer.Typer(no_args_is_help=True, help="Look after the site registry that Slipway runs.")
MIB = 1 << 20


@app.callback()
def _group() -> None:
    """One command is a group too: more will come."""


@app.command(
    epilog="Exit codes: 0 done or nothing to do, 6 approval needed. "
    "Examples: slipway registry gc --dry-run; slipway registry gc --yes"
)
def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    file: ConfigurationFile = DEFAULT_FILE,
    output: Output = Format.TEXT,
) -> None:
    """Delete what only former bundles brought. What workloads name stays, and what anybody else pushed.

    Pulls go on meanwhile; whoever may push holds the same locks.
    """
    from slipway.cli.running import opened_context
    from slipway.engine.errands.sweeping import sweep_registries, sweepable_images

    context = opened_context(file, None)
    with before_changes():
        found = sweepable_images(context)
    if output is Format.TEXT:
        print(_found_text(found), flush=True)
    swept: tuple[Swept, ...] = ()
    if not dry_run and any(one.sweep.bundles for one in found):
        with before_changes():
            _agree(found, yes=yes)
        swept = sweep_registries(context, found, tell)
    if output is Format.JSON:
        emit({"found": [asdict(one) for one in found], "swept": [asdict(one) for one in swept]})
    elif swept:
        print(_swept_text(swept))


def _agree(found: "tuple[Sweepable, ...]", *, yes: bool) -> None:
    artifacts = sum(len(one.sweep.artifacts) for one in found)
    if not confirm(f"Delete {artifacts} artifacts of former bundles?", yes=yes):
        raise ApprovalRequired(
            "to delete what former bundles brought needs your consent",
            hint="run it with --yes",
        )


def _found_text(found: "tuple[Sweepable, ...]") -> str:
    lines = []
    for one in found:
        sweep = one.sweep
        if not sweep.bundles:
            lines.append(f"{colour(one.host, 'bold')}: nothing but the current bundle")
            continue
        many = f"{len(sweep.artifacts)} artifacts, {sweep.size // MIB} MiB"
        lines.append(f"{colour(one.host, 'bold')}: {len(sweep.bundles)} former bundles brought {many}")
        lines += [f"  {colour('-', 'red')} {name}" for name in sweep.artifacts]
        lines += [f"  = {name} stays: a workload names it" for name in sweep.used]
    return "\n".join(lines)


def _swept_text(swept: "tuple[Swept, ...]") -> str:
    sizes = ((one, one.before // 1024, one.after // 1024) for one in swept)
    return "\n".join(
        f"{one.host}: {one.manifests} manifests deleted; {before} MiB before, {after} MiB now"
        for one, before, after in sizes
    )
