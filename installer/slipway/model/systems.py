"""Names of operating systems, as bundles have them: ID-VERSION of os-release, in small letters."""

from collections.abc import Collection


def system_of(os_id: str, os_version: str, known: Collection[str]) -> str:
    """A host's system: with its whole version, or with the first part of it where only that is known (rocky-9)."""
    whole = f"{os_id}-{os_version}".lower()
    major = f"{os_id}-{os_version.partition('.')[0]}".lower()
    return major if whole not in known and major in known else whole
