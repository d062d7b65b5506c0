"""Where a site's own modules come from: each source is of one kind."""

from collections.abc import Iterator, Mapping

from slipway.errors import Finding
from slipway.findings import FindingCode
from slipway.model.modulesources import ModuleSource


def source_findings(sources: Mapping[str, ModuleSource]) -> Iterator[Finding]:
    """Of sources that have both kinds, or none."""
    for name, source in sources.items():
        if bool(source.directory) == bool(source.digest):
            has = "has a directory and a digest" if source.directory else "has neither directory nor digest"
            yield Finding(
                f"spec.moduleSources.{name}",
                has,
                expected="one of the two",
                hint="a directory is built into the bundle, a digest is what slipway catalog push printed",
                code=FindingCode.BAD_VALUE,
            )
