"""`python -m slipway.runner.gate`: ansible-playbook, with a limit to what hosts answer.

In a run that was started ahead (`standby`) it waits before it begins. Everything that does not depend on hosts and
variables is done before the gate: imports, configuration, our plugins.
"""

import os
import sys
from typing import Final

from slipway.runner.answers import limit_answers

#: Environment variables: the FIFO to wait at, and action plugins to load before.
GATE: Final = "SLIPWAY_GATE"
PLUGINS: Final = "SLIPWAY_GATE_PLUGINS"


def main() -> None:
    """Load, wait for one byte, run; an end of file means that nobody needs the run any more."""
    from ansible.cli.playbook import PlaybookCLI

    limit_answers()
    if GATE in os.environ:
        _wait()
    PlaybookCLI.cli_executor(["ansible-playbook", *sys.argv[1:]])


def _wait() -> None:
    from ansible.executor import playbook_executor  # noqa: F401 - its imports are most of a start
    from ansible.plugins.loader import action_loader

    for plugin in filter(None, os.environ.get(PLUGINS, "").split(",")):
        action_loader.get(plugin, class_only=True)
    with open(os.environ[GATE], "rb", buffering=0) as gate:  # noqa: PTH123 - a FIFO, read once
        if not gate.read(1):
            sys.exit("nobody opened the gate")


if __name__ == "__main__":
    main()
