"""Names of operating systems, as bundles have them: ID-VERSION of os-release, in small letters; and of packages there.

Light to import: Ansible's filters use it in every run.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence


def system_of(os_id: str, os_version: str, known: Collection[str]) -> str:
    """A host's system: with its whole version, or with the first part of it where only that is known (rocky-9)."""
    whole = f"{os_id}-{os_version}".lower()
    major = f"{os_id}-{os_version.partition('.')[0]}".lower()
    return major if whole not in known and major in known else whole


def called(names: Iterable[str], table: Mapping[str, str | Sequence[str]]) -> list[str]:
    """Packages by a system's own names, sorted; `table` has those that differ, several where one is in parts there."""
    found = (table.get(name, name) for name in names)
    return sorted({part for one in found for part in ((one,) if isinstance(one, str) else one)})
