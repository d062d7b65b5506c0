"""`slipway secrets rotate-key`: another key for the cluster's Secrets in etcd."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slipway.cli.views.output import DEFAULT_FILE, ConfigurationFile, Format, Output
from slipway.errors import ConfigurationError, before_changes
from slipway.landing import land

if TYPE_CHECKING:
    from slipway.model.kubernetes import Kubernetes

app = typer.Typer(no_args_is_help=True, help="The key by which the cluster's Secrets are encrypted in etcd.")

_FIELD = ("kubernetes", "encryptionKey")


@app.callback()
def _group() -> None:
    """One command is a group too: more will come."""


@app.command(
    epilog="Exit codes: as those of apply; 3 where Secrets are not encrypted. "
    "Examples: slipway secrets rotate-key; slipway secrets rotate-key -o json"
)
def rotate_key(
    file: ConfigurationFile = DEFAULT_FILE,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Agree to disruptive and destructive steps.")
    ] = False,
    output: Output = Format.TEXT,
) -> int:
    """Add one to spec.kubernetes.encryptionKey in the file, and apply: a new key, and all Secrets written anew by it.

    Every API server learns to read the new key before one writes by it, and forgets the old one once no Secret needs
    it. One that was begun is brought to its end, and no other is begun.
    """
    from slipway.cli.running import carry_out, opened_context
    from slipway.engine.prepare import prepare
    from slipway.model.observed import Scope
    from slipway.planning.encryption import KeyStage, encryption_of

    context = opened_context(file, None)
    with before_changes():
        observed, _ = prepare(context, Scope.RECORDS)
        number = _next_number(context.configuration.spec.kubernetes)
    encryption = encryption_of(context.configuration, observed)
    if encryption.stage is KeyStage.DONE:
        return _begin(file, number, yes=yes, output=output)
    print(f"it was begun: {encryption.text}", file=sys.stderr)
    return carry_out(context, Scope.TARGETS, yes=yes, output=output)


def _next_number(kubernetes: "Kubernetes | None") -> int:
    if kubernetes is None or not kubernetes.encrypt_secrets:
        raise ConfigurationError(
            "Secrets are not encrypted, so there is no key to rotate",
            where="spec.kubernetes.encryptSecrets",
            hint="set it to true, then: slipway apply",
        )
    return kubernetes.encryption_key + 1


def _begin(file: Path, number: int, *, yes: bool, output: Format) -> int:
    """The edit stays once it is being carried out; refused, the file is what it was."""
    from slipway.api.read import document
    from slipway.api.yamlfile import text_of
    from slipway.cli.fileedit import with_value
    from slipway.cli.running import carry_out, opened_context
    from slipway.engine.context import Edit
    from slipway.model.observed import Scope

    before, edit = text_of(file), Edit(document(file), _FIELD)

    def undo() -> None:
        land(file, before)

    with before_changes(undo):
        land(file, with_value(before, ("spec", *_FIELD), str(number)))
        context = opened_context(file, None, edit=edit)
    return carry_out(context, Scope.TARGETS, yes=yes, output=output, undo=undo)
