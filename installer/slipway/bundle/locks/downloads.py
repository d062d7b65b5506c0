"""The lock of downloads: which files a bundle takes from public servers, with the sha256 that somebody has read.

A sha256 stands only with the public page it was read from: of a file without one, nobody can say why it is right.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, asdict, dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from slipway import yamltext
from slipway.bundle.ground.disk import guarded
from slipway.bundle.registry.secrecy import is_private
from slipway.errors import BundleError, Finding
from slipway.findings import FindingCode
from slipway.landing import land
from slipway.model.bundle import chart_name
from slipway.model.fields import DNS_LABEL
from slipway.model.platforms import AMD64, BY_NAME
from slipway.smallfiles import bytes_of

FORMAT: Final = 1
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")
_MODULE: Final = re.compile(DNS_LABEL)
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~:-]{0,127}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_HINT: Final = (
    "its form is in docs/reference/bundle.md; what writes it: slipway bundle lock --programs, --chart"
)


class DownloadKind(StrEnum):
    """What a download becomes: a program or archive of them, a Helm chart, a package in a system's repository."""

    BINARY = "binary"
    CHART = "chart"
    PACKAGE = "package"


@dataclass(frozen=True, slots=True)
class Download:
    """One file. `sha256` is of what the URL serves, and was read at `source`."""

    kind: DownloadKind
    name: str
    version: str
    url: str
    sha256: str
    source: str
    platform: str = AMD64.name
    member: str = ""
    """Of a binary: the one file of the .tar.gz that is carried; empty: what the URL serves, as it is."""
    system: str = ""
    """Of a package: the operating system whose repository it joins, as debian-12."""
    module: str = ""
    """Of a chart: the module whose release names it; empty: whichever does."""
    read: str = ""
    """Day on which the sha256 was read, as 2026-11-26."""

    @property
    def artifact(self) -> str:
        """Its name in a bundle."""
        return chart_name(self.module, self.name) if self.module else self.name

    @property
    def label(self) -> str:
        """KIND/NAME:VERSION."""
        return f"{self.kind}/{self.artifact}:{self.version}"

    @property
    def key(self) -> tuple[str, ...]:
        """There is one of each."""
        return (self.kind, self.artifact, self.version, self.platform, self.system)

    @property
    def origin(self) -> str:
        """For the bundle's manifest."""
        return f"{self.url}, sha256 of {self.source}"

    @property
    def file_name(self) -> str:
        """A package is called as its kind of repository has it, whatever its URL says."""
        last = unquote(urlsplit(self.url).path).rpartition("/")[2]
        if self.kind is DownloadKind.PACKAGE:
            platform = BY_NAME[self.platform]
            if last.endswith(".rpm"):
                return f"{self.name}-{self.version}.{platform.machine}.rpm"
            return f"{self.name}_{self.version}_{platform.architecture}.deb"
        return last if _NAME.fullmatch(last) else "file"


@dataclass(frozen=True, slots=True)
class Downloads:
    """A lock file."""

    files: tuple[Download, ...] = ()

    def find(self, kind: str, name: str, version: str, platform: str) -> Download | None:
        """The entry of a binary, or of a chart, which is the same on every platform; by its name in a bundle."""
        return next(
            (
                item
                for item in self.files
                if (item.kind, item.artifact, item.version) == (kind, name, version)
                and (item.kind is DownloadKind.CHART or item.platform == platform)
            ),
            None,
        )

    def packages(self, system: str, platform: str) -> list[Download]:
        """Entries that join a system's repository."""
        return [
            item
            for item in self.files
            if item.kind is DownloadKind.PACKAGE and (item.system, item.platform) == (system, platform)
        ]

    def of_modules(self, wanted: Iterable[tuple[str, str, str]]) -> "Downloads":
        """With an entry for each wanted chart of a module that stands here by the chart's name alone.

        What is wanted: kind, name in a bundle, version.

        Raises:
            BundleError: two modules have such a chart, so that nobody can say whose the entry is.
        """
        charts = {item.key: item for item in self.files if item.kind is DownloadKind.CHART}
        found: dict[Download, list[str]] = {}
        for module, chart, version in sorted(_of_modules(wanted)):
            own = (DownloadKind.CHART, chart_name(module, chart), version, AMD64.name, "")
            plain = (DownloadKind.CHART, chart, version, AMD64.name, "")
            if own not in charts and plain in charts:
                found.setdefault(charts[plain], []).append(module)
        findings = tuple(
            Finding(item.label, f"may be of any of {', '.join(names)}", code=FindingCode.DUPLICATE)
            for item, names in found.items()
            if len(names) > 1
        )
        if findings:
            hint = "give each module an entry of its own in the lock, with `module: NAME`"
            raise BundleError("modules have charts of one name", findings=findings, hint=hint)
        return self.merged(replace(item, module=names[0]) for item, names in found.items())

    def merged(self, others: Iterable[Download]) -> "Downloads":
        """With these in the place of former ones of the same key."""
        found = {item.key: item for item in (*self.files, *others)}
        return Downloads(tuple(found[key] for key in sorted(found)))


def _of_modules(wanted: Iterable[tuple[str, str, str]]) -> Iterator[tuple[str, str, str]]:
    """Module, chart and version of each that is a module's chart."""
    for kind, name, version in wanted:
        module, dot, chart = name.partition(".")
        if kind == DownloadKind.CHART and dot:
            yield module, chart, version


def read(path: Path) -> Downloads:
    """A lock file; an empty one where there is none.

    Raises:
        BundleError: it is damaged, or has entries that cannot be used; all of them are named.
    """
    try:
        data = yamltext.load(bytes_of(path))
        known, items = data["format"] == FORMAT, [dict(item) for item in data["files"]]
    except FileNotFoundError:
        return Downloads()
    except (OSError, ValueError, KeyError, TypeError) as exc:
        why = f"{type(exc).__name__}: {exc}"
        raise BundleError("this is no lock of downloads", where=str(path), why=why, hint=_HINT) from exc
    if not known:
        raise BundleError("the lock has another format", where=str(path), hint=_HINT)
    texts = [{str(key): str(value) for key, value in item.items()} for item in items]
    findings = [finding for item in texts for finding in entry_findings(item)]
    lock = Downloads() if findings else Downloads(tuple(_download(item) for item in texts))
    findings += [
        Finding("/".join(filter(None, key)), f"is there {count} times", code=FindingCode.INVALID)
        for key, count in Counter(item.key for item in lock.files).items()
        if count > 1
    ]
    if findings:
        what = "files that nobody could vouch for, or fetch, are refused"
        raise BundleError(what, where=str(path), findings=tuple(findings), hint=_HINT)
    return lock


def write(lock: Downloads, path: Path) -> None:
    """By rename."""
    defaults = {item.name: item.default for item in fields(Download) if item.default is not MISSING}
    rows = [
        {
            key: str(value)
            for key, value in asdict(item).items()
            if key not in defaults or value != defaults[key]
        }
        for item in lock.files
    ]
    with guarded(path):
        text = yamltext.dump({"format": FORMAT, "files": rows})
        land(path, text)


def check_moved(former: Downloads, found: Iterable[Download], *, accept: bool) -> None:
    """Refuse files that have other contents than before under the same version, unless somebody has looked at them.

    Raises:
        BundleError: naming each.
    """
    before = {item.key: item for item in former.files}
    findings = tuple(
        Finding(
            new.label,
            f"was published again with other contents: {new.source} says {new.sha256}",
            expected=f"{old.sha256}, as {old.source} said{f' on {old.read}' if old.read else ''}",
            code=FindingCode.MOVED,
        )
        for new in found
        if (old := before.get(new.key)) and old.sha256 != new.sha256
    )
    if findings and not accept:
        hint = "find out why, then take them with --accept"
        raise BundleError("files have other contents than before", findings=findings, hint=hint)


def entry_findings(item: dict[str, str]) -> Iterator[Finding]:
    """What is wrong with an entry."""
    label = f"{item.get('kind', '?')}/{item.get('name', '?')}:{item.get('version', '?')}"
    if not item.get("sha256") or not item.get("source"):
        what = "sha256" if not item.get("sha256") else "source of its sha256"
        expected = "the digest, and the public page that it was read from"
        yield Finding(
            label, f"is unverified: there is no {what}", expected=expected, code=FindingCode.UNVERIFIED
        )
    elif item["source"] == item.get("url"):
        yield Finding(
            label,
            "is unverified: a file does not vouch for itself",
            expected="a page",
            code=FindingCode.UNVERIFIED,
        )
    for name, wrong, expected in _wrong(item):
        yield Finding(f"{label} {name}", wrong, expected=expected, code=FindingCode.INVALID)


def _wrong(item: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """Fields, what is wrong with each, and what is right."""
    kind, url, platform = item.get("kind", ""), item.get("url", ""), item.get("platform", AMD64.name)
    known = [part.name for part in fields(Download)]
    for name in item.keys() - known:
        yield name, "is not known", ", ".join(known)
    package, plain = kind == DownloadKind.PACKAGE, url.partition("#")[0].partition("?")[0]
    reachable = is_private(url) or (kind == DownloadKind.CHART and url.startswith("oci://"))
    rules = (
        ("kind", kind in set(DownloadKind), ", ".join(DownloadKind)),
        ("name", bool(_NAME.fullmatch(item.get("name", ""))), "a plain name"),
        ("version", bool(_VERSION.fullmatch(item.get("version", ""))), "a version"),
        (
            "version",
            not plain.endswith(".rpm") or "-" in item.get("version", ""),
            "VERSION-RELEASE, as of an .rpm",
        ),
        ("platform", platform in BY_NAME, " or ".join(BY_NAME)),
        ("sha256", not item.get("sha256") or bool(_SHA256.fullmatch(item["sha256"])), "64 hex digits"),
        ("url", reachable, "https://..."),
        ("url", not package or plain.endswith((".deb", ".rpm")), "a .deb or .rpm"),
        ("source", not item.get("source") or is_private(item["source"]), "https://..."),
        ("member", not item.get("member") or kind == DownloadKind.BINARY, "only of a binary"),
        ("module", not item.get("module") or kind == DownloadKind.CHART, "only of a chart"),
        ("module", not item.get("module") or bool(_MODULE.fullmatch(item["module"])), "a module's name"),
        ("system", bool(item.get("system")) == package, "of packages alone: as debian-12"),
    )
    for name, right, expected in rules:
        if not right:
            yield name, f"is {item.get(name, '')!r}", expected


def _download(item: dict[str, Any]) -> Download:
    return Download(**{**item, "kind": DownloadKind(item["kind"])})
