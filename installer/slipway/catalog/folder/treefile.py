"""Where manifests lie that nobody publishes as a chart: as module.yaml writes it, and as lock.yaml keeps it."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from slipway.catalog.modules import Tree
from slipway.model.fields import Model

#: Of what a tree or a module's folder holds: below it, and never hidden.
BELOW = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$"
#: MODULE@VERSION, as Go's client takes it.
_GO_MODULE = r"^[a-z0-9][a-z0-9.-]*\.[a-z]+(/[A-Za-z0-9_.~-]+)*@v[0-9][0-9A-Za-z.+-]*$"
_GIT = r"^https://[^\s@?#]+$"
_COMMIT = r"^[0-9a-f]{40}$"


class TreeEntry(Model):
    """A kustomization, a chart, or plain manifests at `path` of a Go module, or of a commit of a git repository."""

    go_module: Annotated[str, Field(pattern=_GO_MODULE)] = ""
    git: Annotated[str, Field(pattern=_GIT)] = ""
    commit: Annotated[str, Field(pattern=_COMMIT)] = ""
    path: Annotated[str, Field(pattern=BELOW)]
    overlay: Annotated[str, Field(pattern=BELOW)] = ""
    """Folder of the module with a kustomize Component: what of it is otherwise here."""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if bool(self.go_module) == bool(self.git):
            raise ValueError("give one of goModule and git")
        if bool(self.git) != bool(self.commit):
            raise ValueError("git and commit belong together")
        return self

    def tree(self) -> Tree:
        """As the catalog has it."""
        return Tree(self.go_module, self.git, self.commit, self.path, self.overlay)


class SubChart(Model):
    """A chart within a chart: as it is called there, and on which value it depends."""

    name: str
    version: str = ""
    alias: str = ""
    condition: str = ""
    repository: str = ""


class LockedTree(Model):
    """A chart that Slipway packs of a tree: `digest` is of the tar before compression, `sum` the tree's own.

    `sum` is Go's (h1:...) or the commit. `kustomize`: its version, where it rendered the tree.
    """

    name: str
    version: str
    origin: str
    path: str
    sum: str
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    kustomize: str = ""
    subcharts: tuple[SubChart, ...] = ()
