"""Moments for people and for records: UTC, in the one form that the API server reads and writes.

How long something takes, or may take, is another clock's: `time.monotonic`, or `holders.seconds_awake_or_asleep`.
"""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """This moment, by this machine's own idea of it."""
    return datetime.now(UTC)


def utc_text(moment: datetime | None = None) -> str:
    """A moment of UTC, this one unless another is given, to the second."""
    return (moment or utc_now()).strftime("%Y-%m-%dT%H:%M:%SZ")


def exact_text(moment: datetime) -> str:
    """A moment of UTC to the microsecond, as Leases and Events have it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
