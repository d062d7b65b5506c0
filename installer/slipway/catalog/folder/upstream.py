"""Where a new module's chart is, when it is somebody else's, as its author names it on the command line."""

from dataclasses import dataclass
from typing import Final, Self

from pydantic import ValidationError

from slipway import yamltext
from slipway.api import explain
from slipway.catalog.folder.modulefile import ReleaseEntry
from slipway.errors import ConfigurationError

#: What the words of the command line are called in module.yaml.
_WAYS: Final = (
    "--repository URL --version V, or --tree URL@COMMIT (a commit of a git server) or MODULE@VERSION (Go) "
    "with --path PATH --version V"
)


@dataclass(frozen=True, slots=True)
class Upstream:
    """A release of module.yaml whose chart is at a repository, or of a tree of files."""

    release: ReleaseEntry

    @classmethod
    def of(cls, name: str, *, chart: str, version: str, repository: str, tree: str, path: str) -> Self | None:
        """None: it is named nowhere, so the chart is the module's own. `tree`: URL@COMMIT, or MODULE@VERSION of Go.

        Raises:
            ConfigurationError: these words do not name one chart; each with its field of module.yaml.
        """
        given = [word for word in (chart, version, repository, tree, path) if word]
        if not given:
            return None
        if bool(repository) == bool(tree) or not version or bool(tree) != bool(path):
            raise ConfigurationError("these options name no chart of somebody else's", hint=_WAYS)
        where = {"tree": _origin(tree) | {"path": path}} if tree else {"repository": repository}
        words = {"name": name, "chart": chart or name, "version": version, **where}
        try:
            read = ReleaseEntry.model_validate(words | {"namespace": name, "values": "values.yaml.j2"})
        except ValidationError as exc:
            found = tuple(explain.findings(exc, ReleaseEntry, ""))
            raise ConfigurationError("these options name no chart", hint=_WAYS, findings=found) from exc
        return cls(read)

    def entry(self) -> str:
        """The release as module.yaml has it, one of a list."""
        words = self.release.model_dump(by_alias=True, exclude_defaults=True, mode="json")
        return yamltext.dump([words])


def _origin(text: str) -> dict[str, str]:
    """`git` and `commit`, or `goModule`, as module.yaml has them."""
    if "://" not in text:
        return {"goModule": text}
    url, _, commit = text.partition("@")
    return {"git": url, "commit": commit}
