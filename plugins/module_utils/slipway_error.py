"""How what runs on a host says that it failed."""

from __future__ import annotations


class HostError(Exception):
    """A failure to report as the module's own: what failed, a program's own words as `why`, and details."""

    def __init__(self, message: str, *, why: str = "", **details: object) -> None:
        super().__init__(message)
        self.why = why
        self.details = details
