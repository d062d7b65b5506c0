"""One Ansible run in a process of its own: `python -m slipway.runner.supervise`, started by `run`.

Reads one JSON line from stdin, writes events and the end as JSON lines to stdout. A byte on stdin means
cancel, its end means that the caller died. In both cases, and after every run, each process below this one is
killed: workers, modules, control masters. Nothing secret is in its arguments, environment or output.
"""

import json
import os
import select
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final

from slipway.runner import gate
from slipway.runner.events import translate
from slipway.runner.processes import MARKER, become_subreaper, end_run

#: Seconds between looks at the caller itself, besides its pipe, which a fork of it could hold open.
_WATCH: Final = 0.5


class Supervisor:
    """The run, its watcher and its end."""

    def __init__(self, spec: dict[str, Any], output: int) -> None:
        self.spec = spec
        self.output = output
        self.caller = os.getppid()
        self.stopping = threading.Event()

    def send(self, **message: Any) -> None:
        """One line to the caller; if it is gone, the watcher knows what to do."""
        line = json.dumps(message, default=str).encode() + b"\n"
        try:
            while line:
                line = line[os.write(self.output, line) :]
        except BrokenPipeError:
            self.stopping.set()

    def watch(self) -> None:
        """End all when the caller says so or is no more."""
        while True:
            ready, _, _ = select.select([0], [], [], _WATCH)
            if ready:
                self.stop(orphaned=not os.read(0, 1))
            if os.getppid() != self.caller:
                self.stop(orphaned=True)

    def stop(self, *, orphaned: bool) -> None:
        """Kill everything below and leave; an orphan also removes the files, which nobody else will."""
        self.stopping.set()
        end_run(os.environ[MARKER], root=os.getpid())
        if orphaned:
            shutil.rmtree(self.spec["directory"], ignore_errors=True)
        os._exit(1)

    def run(self) -> None:
        """The run itself."""
        from ansible_runner.interface import init_runner

        started = time.monotonic()
        runner = init_runner(
            private_data_dir=self.spec["directory"],
            project_dir=str(Path(self.spec["playbook"]).parent),
            playbook=self.spec["playbook"],
            inventory=self.spec["inventory"],
            envvars=self.spec["environment"],
            forks=self.spec["forks"],
            tags=self.spec["tags"] or None,
            cmdline="--check" if self.spec["check"] else None,
            ident="run",
            quiet=True,
            rotate_artifacts=1,
            settings={"pexpect_timeout": 1, "suppress_ansible_output": True},
            event_handler=self.handle,
            cancel_callback=self.stopping.is_set,
        )
        runner.config.command = [sys.executable, "-m", gate.__name__, *runner.config.command[1:]]
        runner.run()
        seconds = time.monotonic() - started
        self.send(result={"rc": runner.rc, "status": runner.status, "seconds": seconds})

    def handle(self, event: dict[str, Any]) -> bool:
        """Translate and pass on; False: the raw event, which is large and may be secret, is not kept."""
        try:
            if translated := translate(event):
                self.send(event=translated.as_dict())
        except Exception as exc:
            sys.stderr.write(f"event {event.get('event')} not translated: {exc!r}\n")
        return False


def main() -> None:
    """Run what stdin says."""
    output = os.dup(1)
    os.dup2(2, 1)  # whatever libraries print must not get among the messages
    spec = json.loads(_line())
    supervisor = Supervisor(spec, output)
    become_subreaper()

    def terminate(_signal: int, _frame: FrameType | None) -> None:
        supervisor.stop(orphaned=False)

    signal.signal(signal.SIGTERM, terminate)
    threading.Thread(target=supervisor.watch, daemon=True).start()
    _guarded(supervisor.run, supervisor)
    end_run(os.environ[MARKER], root=os.getpid())
    os._exit(0)


def _guarded(action: Callable[[], None], supervisor: Supervisor) -> None:
    """A failure of ansible-runner itself is a message too."""
    try:
        action()
    except Exception as exc:
        supervisor.send(error=f"{type(exc).__name__}: {exc}")


def _line() -> bytes:
    """The first line of stdin, and not a byte more."""
    line = bytearray()
    while not line.endswith(b"\n"):
        if not (byte := os.read(0, 1)):
            sys.exit("no job on stdin")
        line += byte
    return bytes(line)


if __name__ == "__main__":
    main()
