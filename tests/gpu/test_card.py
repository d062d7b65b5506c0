"""On a machine that has an NVIDIA card and its driver (`make test-gpu`): the real card under the real toolkit.

All else is tested without one: tests/unit/planning (gpus-*, preflight-gpus, test_labels), tests/hosts/test_nvidia.
"""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from slipway.bundle.sources import make
from slipway.bundle.workshop import Workshop
from slipway.catalog import versions
from slipway.lab import rootfs
from slipway.model.survey import Survey
from slipway.planning.labels import gpu_type
from slipway.probe.parse import parse_host
from slipway.settings import data_dir

pytestmark = pytest.mark.gpu

PROBE = data_dir() / "installer" / "slipway" / "probe"


def run(*argv: str | Path, stdin: str = "", cwd: Path | None = None) -> str:
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def asked(what: str) -> list[str]:
    """What the driver's own program says, one line per card."""
    return run("nvidia-smi", f"--query-gpu={what}", "--format=csv,noheader").split("\n")[:-1]


@pytest.fixture(scope="module")
def survey() -> Survey:
    """This machine, as the probe sees it."""
    scripts = "".join((PROBE / name).read_text() for name in ("read.sh", "survey.sh"))
    return parse_host("here", run("sh", "-c", f"{scripts}section end echo complete\n", stdin="/\n")).survey


@pytest.fixture(scope="module")
def toolkit() -> Path:
    """The toolkit, built here."""
    return make("nvidia-container-toolkit", versions.load(), Workshop(print))


def test_the_probe_sees_what_the_driver_says(survey: Survey) -> None:
    slots = [bus.lower()[-12:] for bus in asked("pci.bus_id")]
    assert [gpu.split()[0] for gpu in survey.gpus] == sorted(slots)
    assert {survey.driver.module, survey.driver.library} == set(asked("driver_version"))
    assert list(survey.driver.models) == asked("name")
    assert not survey.nouveau


def test_the_label_is_in_the_name_of_the_card(survey: Survey) -> None:
    (name,) = set(asked("name"))
    assert gpu_type(survey) in name.replace(" ", "-")


def test_cards_are_described(toolkit: Path, tmp_path: Path) -> None:
    spec = tmp_path / "nvidia.yaml"
    run(toolkit / "nvidia-ctk", "cdi", "generate", f"--output={spec}")
    listed = run(toolkit / "nvidia-ctk", "cdi", "list", f"--spec-dir={tmp_path}").split()
    assert {"nvidia.com/gpu=all", *(f"nvidia.com/gpu={index}" for index in asked("index"))} <= set(listed)


def test_a_container_sees_the_card(toolkit: Path, tmp_path: Path) -> None:
    assert (
        container(toolkit, tmp_path, ["NVIDIA_VISIBLE_DEVICES=all"]).split("\n")[:-1]
        == run("nvidia-smi", "--list-gpus").split("\n")[:-1]
    )


def container(toolkit: Path, directory: Path, environment: Sequence[str]) -> str:
    """What `nvidia-smi --list-gpus` says in a container by NVIDIA's runtime, on a copy of a lab node's root."""
    root = directory / "rootfs"
    run("cp", "--archive", "--reflink=auto", rootfs.ensure("debian-12"), root)
    run("runc", "spec", cwd=directory)
    config = json.loads((directory / "config.json").read_text())
    config["root"] = {"path": str(root), "readonly": False}
    process = config["process"] | {"terminal": False, "args": ["nvidia-smi", "--list-gpus"]}
    process["env"] += [*environment, "NVIDIA_DRIVER_CAPABILITIES=utility,compute"]
    (directory / "config.json").write_text(json.dumps(config | {"process": process}))
    settings = directory / "toolkit" / "nvidia-container-runtime"
    settings.mkdir(parents=True)
    hook = toolkit / "nvidia-cdi-hook"
    (settings / "config.toml").write_text(f'[nvidia-ctk]\npath = "{hook}"\n')
    runtime = ["env", f"XDG_CONFIG_HOME={settings.parent}", toolkit / "nvidia-container-runtime"]
    return run(*runtime, "run", "slipway-gpu-test", cwd=directory)
