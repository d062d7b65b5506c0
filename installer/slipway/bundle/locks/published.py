"""Programs as entries of the lock, by the checksums that their publishers serve beside them: read, never typed."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from slipway.bundle.ground.crew import Crew
from slipway.bundle.locks.downloading import PARALLEL
from slipway.bundle.locks.downloads import Download, DownloadKind
from slipway.bundle.registry.refusals import RegistryError
from slipway.bundle.registry.web import Web
from slipway.catalog.pins import Publisher
from slipway.errors import BundleError, Finding
from slipway.findings import FindingCode
from slipway.model.platforms import Platform

#: A line of `sha256sum`, or a digest alone; a * marks a file that was read as binary.
_LINE: Final = re.compile(r"(?P<hex>[0-9a-fA-F]{64})(?:[ \t]+\*?(?P<name>[^\s*].*))?")
_UNSAID: Final = "is unverified: {} has no sha256 of it"


class NamedProgram(NamedTuple):
    """A program of a release for a platform, and who serves it."""

    name: str
    version: str
    platform: Platform
    publisher: Publisher


@dataclass(frozen=True, slots=True)
class Servers:
    """How pages are read. `mirrors`: what stands where the beginnings of publishers' URLs do, by these beginnings."""

    web: Web
    mirrors: Mapping[str, str]

    def url(self, url: str) -> str:
        """Where a publisher's file is taken from."""
        found = [place for place in self.mirrors if f"{url}/".startswith(f"{place.rstrip('/')}/")]
        if not found:
            return url
        place = max(found, key=len)
        return self.mirrors[place].rstrip("/") + url.removeprefix(place.rstrip("/"))


def resolve_all(servers: Servers, programs: Iterable[NamedProgram], today: str) -> list[Download]:
    """Entries of programs, each with the sha256 that its publisher's page has.

    Raises:
        BundleError: pages cannot be read, or have no sha256 of a file; all are named.
    """
    with Crew(PARALLEL, "checksums") as crew:
        found = crew.each(lambda program: _entry(servers, program, today), programs)
    findings = tuple(one for one in found if isinstance(one, Finding))
    if findings:
        hint = "see what the publisher has under that version; from a mirror: --mirror URL=URL"
        raise BundleError("programs would be taken on trust alone", findings=findings, hint=hint)
    return [one for one in found if isinstance(one, Download)]


def sha256_on(page: bytes, file_name: str) -> str:
    """The sha256 that a page of checksums has of a file, in lower case; empty: none, or several.

    A page that is one digest and nothing else is about the file beside it.
    """
    lines = page.decode("utf-8", "replace").replace("\0", "\n").split("\n")
    found = [match for line in lines if (match := _LINE.fullmatch(line.strip()))]
    named = {match["hex"].lower() for match in found if (match["name"] or "").rpartition("/")[2] == file_name}
    alone = {match["hex"].lower() for match in found if not match["name"]}
    said = named or (alone if len(found) == 1 else set())
    return next(iter(said)) if len(said) == 1 else ""


def _entry(servers: Servers, program: NamedProgram, today: str) -> Download | Finding:
    place = program.publisher.place(program.name, program.version, program.platform)
    url, source = servers.url(place.url), servers.url(place.checksums)
    label = f"{DownloadKind.BINARY}/{program.name}:{program.version}"
    try:
        sha256 = sha256_on(servers.web.read(source), urlsplit(url).path.rpartition("/")[2])
    except RegistryError as error:
        why = " ".join(filter(None, [error.what, error.why]))
        return Finding(label, f"{source} cannot be read: {why}", code=FindingCode.UNREAD)
    if not sha256:
        expected = f"a line for {url}"
        return Finding(label, _UNSAID.format(source), expected=expected, code=FindingCode.UNVERIFIED)
    named = (DownloadKind.BINARY, program.name, program.version)
    return Download(
        *named, url, sha256, source, platform=program.platform.name, member=place.member, read=today
    )
