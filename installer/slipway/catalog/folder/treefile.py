"""Where manifests lie that nobody publishes as a chart: as module.yaml writes it, and as lock.yaml keeps it."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from slipway.catalog.modules import Tree
from slipway.model.fields import Model, Name

#: Of what a tree or a module's folder holds: below it, and never hidden.
BELOW = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$"
#: MODULE@VERSION, as Go's client takes it.
_GO_MODULE = r"^[a-z0-9][a-z0-9.-]*\.[a-z]+(/[A-Za-z0-9_.~-]+)*@v[0-9][0-9A-Za-z.+-]*$"
_GIT = r"^https://[^\s@?#]+$"
_COMMIT = r"^[0-9a-f]{40}$"


class OriginEntry(Model):
    """What names files once and for all: a Go module's version, or a commit of a git repository."""

    go_module: Annotated[str, Field(pattern=_GO_MODULE)] = ""
    git: Annotated[str, Field(pattern=_GIT)] = ""
    commit: Annotated[str, Field(pattern=_COMMIT)] = ""
    path: Annotated[str, Field(pattern=BELOW)]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.go_module and self.git:
            raise ValueError("give one of goModule and git")
        if bool(self.git) != bool(self.commit):
            raise ValueError("git and commit belong together")
        return self


class TreeEntry(OriginEntry):
    """A kustomization, a chart, packed or not, or plain manifests at `path` of an origin."""

    overlay: Annotated[str, Field(pattern=BELOW)] = ""
    """Folder of the module with a kustomize Component: what of it is otherwise here."""
    charts: dict[Name, OriginEntry] = Field(default_factory=dict)
    """What the chart depends on and the tree has not, by name; without an origin: at another path of the tree."""
    without: tuple[Name, ...] = ()
    """What the chart depends on by a condition that is off, and nobody needs."""

    @model_validator(mode="after")
    def _origin(self) -> Self:
        if not (self.go_module or self.git):
            raise ValueError("give one of goModule and git")
        if both := sorted(self.charts.keys() & set(self.without)):
            raise ValueError(f"{both[0]} is under charts and without")
        return self

    def tree(self) -> Tree:
        """As the catalog has it."""
        below = tuple((name, self._below(one)) for name, one in sorted(self.charts.items()))
        origin = (self.go_module, self.git, self.commit)
        return Tree(*origin, self.path, self.overlay, below, tuple(sorted(self.without)))

    def _below(self, one: OriginEntry) -> Tree:
        own = one if one.go_module or one.git else self
        return Tree(own.go_module, own.git, own.commit, one.path)


class SubChart(Model):
    """A chart within a chart: as it is called there, and on which value it depends."""

    name: str
    version: str = ""
    alias: str = ""
    condition: str = ""
    repository: str = ""


class ChartOrigin(Model):
    """Where a chart below another one was taken from."""

    name: str
    origin: str
    path: str


class LockedTree(Model):
    """A chart that Slipway packs of a tree: `digest` is of the tar before compression, `sum` the tree's own.

    `sum` is Go's (h1:...) or the commit. `kustomize`: its version, where it rendered the tree. `charts` were put below
    the chart, what is called in `without` was left out.
    """

    name: str
    version: str
    origin: str
    path: str
    sum: str
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    kustomize: str = ""
    charts: tuple[ChartOrigin, ...] = ()
    without: tuple[str, ...] = ()
    subcharts: tuple[SubChart, ...] = ()

    @property
    def named(self) -> tuple[object, ...]:
        """What a release says of it."""
        charts = tuple((one.name, one.origin, one.path) for one in self.charts)
        return self.origin, self.path, self.name, self.version, charts, self.without
