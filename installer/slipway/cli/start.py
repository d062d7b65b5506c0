"""The first lines of a command: until the command line is loaded, Ctrl-C ends it at once and leaves no traceback.

A process that was started with SIGINT ignored, as in the background of a script, goes on ignoring it.
"""

import os
import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def main() -> None:
    """Load the command line, and run it."""
    from slipway.cli.main import main as run

    try:
        run()
    except KeyboardInterrupt:  # a second one, while the first was told
        os._exit(130)
