"""The hook as a program, under shell-operator's contract.

With `--config` it prints its bindings, else it reads the file named by BINDING_CONTEXT_PATH and may leave metrics in
METRICS_PATH. Exit 0 whenever the status tells the outcome, also of a failed operation; 1 only for what repeating heals.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from slipway.errors import ConfigurationError, SlipwayError
from slipway.operator.door import Door
from slipway.operator.hook import HookResult, handle, hook_configuration
from slipway.operator.queue import BindingContext
from slipway.smallfiles import json_of


def main(argv: list[str], open_door: Callable[[], Door]) -> int:
    """The program under the shell-operator contract."""
    if "--config" in argv:
        print(json.dumps(hook_configuration(), indent=2))
        return 0
    try:
        result = handle(read_contexts(os.environ.get("BINDING_CONTEXT_PATH", "")), open_door())
    except SlipwayError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    write_metrics(os.environ.get("METRICS_PATH", ""), result)
    return result.exit_code


def read_contexts(path: str) -> list[BindingContext]:
    """The binding contexts that shell-operator left for this call."""
    if not path:
        raise ConfigurationError(
            "no binding contexts",
            where="BINDING_CONTEXT_PATH",
            hint="run by shell-operator, or use `slipway operator run`",
        )
    hint = "shell-operator writes this file; see that its release is one that Slipway knows"
    try:
        contexts = json_of(Path(path))
    except (OSError, ValueError) as exc:
        what = "cannot read the binding contexts"
        raise ConfigurationError(what, where=path, why=str(exc), hint=hint) from exc
    if not isinstance(contexts, list):
        raise ConfigurationError("binding contexts are not a list", where=path, hint=hint)
    return contexts


def write_metrics(path: str, result: HookResult) -> None:
    """One line per reconciliation, in shell-operator's form."""
    if not path:
        return
    lines = [
        {
            "name": "slipway_reconciliations_total",
            "action": "add",
            "value": 1,
            "labels": {"configuration": str(request.key), "verdict": verdict.value},
        }
        for request, verdict in result.verdicts
    ]
    with Path(path).open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


if __name__ == "__main__":
    from slipway.operator.wiring import open_door as open_real_door

    sys.exit(main(sys.argv[1:], open_real_door))
