"""What each Kubernetes version that the catalog carries can be told, asked of its own code and programs.

    python -m tests.options     # writes images/kubernetes/VERSION.json

The catalog checks flags and fields of a ClusterConfiguration against these files; a test compares them with this.
"""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make.sources import source_directory
from slipway.catalog import versions
from slipway.catalog.pins import GoPin
from slipway.settings import data_dir
from tests.binaries import binary
from tests.gomain import built

MAIN = Path(__file__).with_name("options.go")


def generated(kubernetes: str) -> dict[str, Any]:
    """The content of the version's file."""
    pins = versions.load()
    source = pins.source(f"kubernetes-{kubernetes}")
    assert isinstance(source, GoPin)
    program = built(MAIN, source, name="kubernetes-options")
    found: dict[str, Any] = json.loads(subprocess.check_output([program]))
    found["flags"]["etcd"] = etcd_flags()
    return found


def etcd_flags() -> dict[str, str]:
    """Its help names every flag; what type it has is only to be seen of those that are on or off."""
    help_text = subprocess.run([binary("etcd"), "--help"], capture_output=True, text=True, check=True)
    lines = re.findall(r"^  --([a-z0-9-]+)(.*)$", help_text.stdout + help_text.stderr, re.MULTILINE)
    return {name: "bool" if re.match(r" '?(?:true|false)'?", rest) else "string" for name, rest in lines}


def images(kubernetes: str) -> list[str]:
    """What the version's kubeadm says that it runs."""
    kubeadm = source_directory(f"kubernetes-{kubernetes}", versions.load(), Workshop(print)) / "kubeadm"
    command = [kubeadm, "config", "images", "list", "--kubernetes-version", kubernetes]
    return subprocess.check_output(command, text=True, stderr=subprocess.DEVNULL).split()


def file_of(kubernetes: str) -> Path:
    """Where it is kept."""
    return data_dir() / "images" / "kubernetes" / f"{kubernetes}.json"


def text_of(found: dict[str, Any]) -> str:
    """As it is written: one name a line, so that a new version shows as a readable difference."""
    return json.dumps(found, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    for version in versions.load().kubernetes_versions():
        path = file_of(version)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text_of(generated(version)), encoding="utf-8")
