"""`slipway egress`: who sent what left the site."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slipway.cli.views.output import DEFAULT_FILE, ConfigurationFile, Format, Output, emit
from slipway.errors import ConfigurationError, Finding, PreflightError
from slipway.findings import FindingCode
from slipway.smallfiles import bytes_of

if TYPE_CHECKING:
    from slipway.engine.enquiry.egress import EgressReport
    from slipway.model.egress import EgressRecords

app = typer.Typer(no_args_is_help=True, help="What left the site, and who sent it.")


@app.callback()
def group() -> None:
    """What left the site, and who sent it."""


@app.command(
    epilog="Exit codes: 0 nothing left the site, 4 something did. "
    "Examples: slipway egress report --lab demo; slipway egress report --records firewall.json -o json"
)
def report(
    lab: Annotated[
        str | None,
        typer.Option(
            "--lab", envvar="SLIPWAY_LAB_NAME", metavar="NAME", help="Read the counters of this lab."
        ),
    ] = None,
    records: Annotated[
        Path | None,
        typer.Option(
            "--records",
            metavar="FILE",
            help="Read what was counted elsewhere, as by the site's own firewall: JSON as of `slipway lab egress`.",
        ),
    ] = None,
    file: ConfigurationFile = DEFAULT_FILE,
    output: Output = Format.TEXT,
) -> int:
    """Explain every packet and DNS question that left the site by pods, images and what names them. Changes nothing.

    Without a ClusterConfiguration, or where its cluster does not answer, it says so and names addresses only.
    """
    from slipway.cli.views.egressview import report_text

    made = _of_file(records, file) if records else _of_lab(lab, file)
    if output is Format.JSON:
        emit({"ok": not made.outside, "rows": made.rows, "unread": made.unread})
    else:
        print(report_text(made))
    return PreflightError.exit_code if made.outside else 0


def _of_lab(name: str | None, file: Path) -> "EgressReport":
    from slipway.lab import Lab

    if not name:
        raise typer.BadParameter("give --lab NAME, or --records FILE", param_hint="--lab")
    lab = Lab(name)
    return _explained(lab.egress().records, file, {node.address: node.name for node in lab.nodes})


def _of_file(path: Path, file: Path) -> "EgressReport":
    return _explained(read_records(path), file, {})


def _explained(records: "EgressRecords", file: Path, nodes: dict[str, str]) -> "EgressReport":
    from slipway.cli.running import opened_context
    from slipway.engine.enquiry.egress import egress_report

    missing = file == DEFAULT_FILE and not file.exists()
    return egress_report(records, None if missing else opened_context(file, None), nodes)


def read_records(path: Path) -> "EgressRecords":
    """What was counted.

    Raises:
        ConfigurationError: no such file, no JSON, or not of the form of `slipway lab egress -o json`. A file that
            leaves out `sent` or `asked` is refused: nothing counted is said by an empty list.
    """
    from pydantic import TypeAdapter, ValidationError

    from slipway.model.egress import EgressRecords

    hint = "docs/how-to/offline.md shows the form"
    try:
        return TypeAdapter(EgressRecords).validate_json(bytes_of(path))
    except OSError as exc:
        why = exc.strerror or str(exc)
        raise ConfigurationError("cannot be read", where=str(path), why=why, hint=hint) from exc
    except ValidationError as exc:
        wrong = tuple(
            Finding(".".join(map(str, error["loc"])) or "file", error["msg"], code=FindingCode.BAD_VALUE)
            for error in exc.errors()
        )
        raise ConfigurationError(
            "these are no records of what left", where=str(path), hint=hint, findings=wrong
        ) from exc
