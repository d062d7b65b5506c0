"""Charts at their repositories, as entries of the lock: by a repository's index.yaml, or by a registry's manifest.

The digest is what the repository itself says; a chart of which it says none is refused.
"""

import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urljoin

from slipway import yamltext
from slipway.bundle.form import layout
from slipway.bundle.ground.crew import Crew
from slipway.bundle.locks.downloading import OCI, PARALLEL, Ways, oci_place
from slipway.bundle.locks.downloads import Download, DownloadKind
from slipway.bundle.registry.refusals import RegistryError
from slipway.bundle.registry.secrecy import is_private
from slipway.errors import BundleError, Finding
from slipway.findings import FindingCode
from slipway.model.codes import RefusalCode

#: Media type of the layer of an artifact that is the packed chart.
CONTENT: Final = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
#: Versions that an error tells of many.
SOME: Final = 10
_CHART: Final = re.compile(r"(?P<url>(?:https?|oci)://.+)/(?P<name>[A-Za-z0-9][\w.-]*):(?P<version>[\w.+-]+)")
_DIGEST: Final = re.compile(r"(?:sha256:)?(?P<hex>[0-9a-f]{64})")


def resolve_all(ways: Ways, charts: Iterable[str], today: str) -> list[Download]:
    """Entries of charts, given as REPOSITORY_URL/NAME:VERSION or oci://HOST/PATH/NAME:VERSION.

    Raises:
        BundleError: one is not there, or the repository says no digest of it.
    """
    with Crew(PARALLEL, "lock") as crew:
        return crew.each(lambda chart: resolve(ways, chart, today), charts)


def resolve(ways: Ways, chart: str, today: str) -> Download:
    """The entry of one."""
    found = _CHART.fullmatch(chart)
    if not found:
        hint = "write REPOSITORY_URL/NAME:VERSION, as https://charts.example.org/stable/page:1.2.3"
        raise BundleError(f"{chart!r} is no chart at a repository", hint=hint)
    of = _of_registry if chart.startswith(OCI) else _of_index
    url, digest, source = of(ways, found["url"], found["name"], found["version"])
    match = _DIGEST.fullmatch(digest.lower())
    if not match:
        finding = Finding(
            f"chart/{found['name']}:{found['version']}",
            f"is unverified: {source} has no sha256 of it",
            expected="a digest that its repository says",
            code=FindingCode.UNVERIFIED,
        )
        hint = "ask who publishes it for a digest, or carry the chart in a module of your own (chartDir)"
        raise BundleError("a chart would be taken on trust alone", findings=(finding,), hint=hint)
    kind = DownloadKind.CHART
    return Download(kind, found["name"], found["version"], url, match["hex"], source, read=today)


def _of_index(ways: Ways, repository: str, name: str, version: str) -> tuple[str, str, str]:
    """URL, digest and source by an index.yaml, whose URLs may be relative to it."""
    source = f"{repository.rstrip('/')}/index.yaml"
    try:
        data = yamltext.load(ways.web.read(source), strict=False)
        offered: dict[str, Any] = {str(item["version"]): item for item in data["entries"].get(name) or ()}
        if version not in offered:
            raise _missing(name, version, source, offered)
        url = urljoin(source, str(offered[version]["urls"][0]))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as exc:
        why = f"{type(exc).__name__}: {exc}"
        raise BundleError("this is no index of charts", where=source, why=why) from exc
    if not is_private(url) and not url.startswith(OCI):
        raise BundleError(f"chart/{name}:{version} lies where nothing is fetched from", where=source, why=url)
    return url, str(offered[version].get("digest") or ""), source


def _of_registry(ways: Ways, repository: str, name: str, version: str) -> tuple[str, str, str]:
    """The same by the manifest of an OCI artifact."""
    url = f"{repository}/{name}:{version}"
    place = oci_place(ways.upstreams, url)
    source = f"{place.client.url}/v2/{place.repository}/manifests/{place.tag}"
    try:
        text, _ = place.client.get_manifest(place.repository, place.tag)
        layers = layout.stored_manifest(text).data.get("layers", ())
        digests = [str(layer["digest"]) for layer in layers if layer["mediaType"] == CONTENT]
    except (ValueError, KeyError, TypeError) as exc:
        raise BundleError("this is no chart", where=source, why=str(exc)) from exc
    except RegistryError as error:
        if error.code is RefusalCode.NOT_FOUND:
            error.hint = "check the chart's name and version, and that the account may read it"
        raise
    if not digests:
        raise BundleError("this is no chart", where=source, why=f"it has no layer of type {CONTENT}")
    return url, digests[0], source


def _missing(name: str, version: str, source: str, offered: Iterable[str]) -> BundleError:
    there = list(offered)
    why = f"it has {', '.join(there[:SOME])}{' and others' if len(there) > SOME else ''}" if there else ""
    hint = "" if there else "check the chart's name and the repository's URL"
    return BundleError(f"the repository has no chart {name} {version}", where=source, why=why, hint=hint)
