"""The Ansible edge: a playbook and its hosts in, normalized events and a result out.

Called by the engine. The only room that imports ansible_runner, and it does so in a process of its own
(`supervise`), so that no signal handler, working directory or leaked worker of Ansible's reaches the caller.
"""

from slipway.runner.events import EventKind, RunnerEvent, translate
from slipway.runner.run import RunnerFailure, RunnerResult, run
from slipway.runner.scratch import sweep
from slipway.runner.standby import Standby
from slipway.runner.variables import connection_variables, interpreter, resolve

__all__ = [
    "EventKind",
    "RunnerEvent",
    "RunnerFailure",
    "RunnerResult",
    "Standby",
    "connection_variables",
    "interpreter",
    "resolve",
    "run",
    "sweep",
    "translate",
]
