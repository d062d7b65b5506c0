"""chrony under Slipway's settings: where they are, and the way back. Used by slipway_chrony and slipway_reset.

A distribution's chrony.conf asks a pool on the Internet, and no drop-in can take that back. So the unit gets a main
file of ours; chrony.conf itself stays untouched, for the day on which Slipway leaves.
"""

from __future__ import annotations

import contextlib
import os

from ansible.module_utils.slipway_host import must, read_text, run
from ansible.module_utils.slipway_paths import rmdir, unlink

MAIN = "/etc/chrony/slipway.conf"
SOURCES = "/etc/chrony/sources.d/slipway.sources"
#: Its unit, by the package manager of its distribution.
UNITS = {"apt": "chrony.service", "dnf": "chronyd.service"}
#: A line of the drop-in that keeps what the host's own chrony was, over all runs until the way back.
BEFORE = "# Before Slipway chrony was"


def drop_in(unit: str) -> str:
    """Path of our drop-in."""
    return f"/etc/systemd/system/{unit}.d/60-slipway.conf"


def there() -> list[str]:
    """Which of our files there are; the drop-in last, as it holds what is needed for the way back."""
    return [path for path in (SOURCES, MAIN, *map(drop_in, UNITS.values())) if os.path.lexists(path)]


def enabled_before(unit: str) -> bool:
    """Whether the host ran a chrony of its own before Slipway came."""
    text = read_text(drop_in(unit))
    if text is None:
        return run(["systemctl", "is-enabled", unit]).stdout.strip() == "enabled"
    return f"{BEFORE} enabled" in text.splitlines()


def release() -> None:
    """Take our settings away.

    A chrony of the host's own has its settings again. One that came with us stays installed and is stopped: by
    the distribution's settings it would ask outside names.
    """
    if not there():
        return
    unit = next((unit for unit in UNITS.values() if os.path.lexists(drop_in(unit))), UNITS["apt"])
    own = enabled_before(unit)
    if not own:
        run(["systemctl", "disable", "--now", unit], timeout=120)
    for path in there():
        unlink(path)
    with contextlib.suppress(OSError):
        rmdir(os.path.dirname(drop_in(unit)))
    must(["systemctl", "daemon-reload"])
    if own:
        run(["systemctl", "reset-failed", unit])
        must(["systemctl", "restart", unit])
