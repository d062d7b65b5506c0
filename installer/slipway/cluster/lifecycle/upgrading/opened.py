"""What a module's record says of an upgrade that is on its way."""

from dataclasses import replace

from slipway.model.record import ModuleRecord, UpgradeRecord
from slipway.planning.requests.request import ModuleRequest, UpgradeRequest


def with_opened(record: ModuleRecord, before: ModuleRecord, request: ModuleRequest) -> ModuleRecord:
    """The record, in which an upgrade to the requested version is open, if it is one.

    `before`: the module as it is. What was done for another version than this one counts for nothing; what may be left
    of it stays recorded.
    """
    known = before.extra.upgrade
    if known is None and before.stood in {"", request.version}:
        return record
    known = known or UpgradeRecord(before.stood, request.version)
    if known.until != request.version:
        known = replace(known, until=request.version, done=(), step="")
    return with_upgrade(record, known)


def with_upgrade(record: ModuleRecord, upgrade: UpgradeRecord | None) -> ModuleRecord:
    """The record with this upgrade."""
    return replace(record, extra=replace(record.extra, upgrade=upgrade))


def rolled_back(record: ModuleRecord) -> ModuleRecord:
    """The record after the older version came back: steps are run anew, since it has worked on with what they made."""
    known = record.extra.upgrade
    return with_upgrade(record, replace(known, done=(), step="")) if known else record


def worked_on(record: ModuleRecord) -> ModuleRecord:
    """The record after a failure that left the older version as it was: it works on until somebody comes.

    Steps that have ended are run anew, as after it came back: a snapshot of today is none of next week. The one that
    failed is gone on with.
    """
    known = record.extra.upgrade
    return with_upgrade(record, replace(known, done=())) if known else record


def steps_left(record: ModuleRecord, upgrade: UpgradeRequest | None) -> bool:
    """Whether something is still to be run before the releases."""
    done = record.extra.upgrade.done if record.extra.upgrade else ()
    return upgrade is not None and any(one.name not in done for one in upgrade.before)
