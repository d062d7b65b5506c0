"""The real programs that tests start, out of the same sources and the same cache as those that Slipway ships.

binary("kube-apiserver")        # built when it is not in the cache
python -m tests.binaries        # build them all ahead, with nothing that would time out meanwhile
"""

import sys
from functools import cache
from pathlib import Path

import yaml

from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make.sources import source_directory
from slipway.catalog import versions
from slipway.catalog.pins import GoPin
from slipway.catalog.versions import Versions

#: All that any test starts.
PROGRAMS = (
    "containerd",
    "etcd",
    "helm",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubeadm",
    "kubectl",
    "kustomize",
    "kwok",
    "oras",
    "registry",
    "scanner",
)


@cache
def binary(name: str) -> Path:
    """The program, executable."""
    pins = pinned()
    has = [s.name for s in pins.sources if isinstance(s, GoPin) and name in s.programs]
    usual = next((source for source in has if source in _usual(pins)), has[-1])
    return source_directory(usual, pins, Workshop(_tell)) / name


def _usual(pins: Versions) -> set[str]:
    """Sources of the Kubernetes version that is installed where nobody asks for another."""
    release = pins.release(pins.kubernetes)
    origins = [pins.binary(*item).file for item in release.binaries.items()]
    origins += [file for image in release.images for file in pins.image(image).files.values()]
    return {origin.partition("/")[0] for origin in origins if origin}


@cache
def pinned() -> Versions:
    """images/versions.yaml, and after it what tests alone need."""
    extra = yaml.safe_load(Path(__file__).with_name("versions.yaml").read_text(encoding="utf-8"))
    shipped = versions.load()
    own = tuple(GoPin.model_validate(source) for source in extra["sources"])
    return shipped.model_copy(update={"sources": (*shipped.sources, *own)})


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    for program in PROGRAMS:
        binary(program)
