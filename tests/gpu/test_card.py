"""On a machine that has an NVIDIA card and its driver (`make test-gpu`): the real card under the real toolkit.

All else is tested without one: tests/unit/planning (gpus-*, preflight-gpus, test_labels) and
tests/hosts/system/test_nvidia.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from jinja2 import Template

from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make.sources import source_directory
from slipway.catalog import versions
from slipway.lab import rootfs
from slipway.model.survey import Survey
from slipway.planning.labels import gpu_type
from slipway.probe.parse import parse_host
from slipway.settings import data_dir

pytestmark = pytest.mark.gpu

NAME = "slipway-gpu-test"
TEMPLATES = data_dir() / "roles" / "node_nvidia" / "templates"
PROBE = data_dir() / "installer" / "slipway" / "probe"


def run(*argv: str | Path, stdin: str = "", cwd: Path | None = None) -> str:
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rendered(name: str, toolkit: Path, **variables: object) -> str:
    """What the role writes."""
    template = Template((TEMPLATES / f"{name}.j2").read_text(encoding="utf-8"))
    return template.render(_node_nvidia_programs=toolkit, **variables)


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
    return source_directory("nvidia-container-toolkit", versions.load(), Workshop(print))


def test_the_probe_sees_what_the_driver_says(survey: Survey) -> None:
    slots = [bus.lower()[-12:] for bus in asked("pci.bus_id")]
    assert [gpu.split()[0] for gpu in survey.gpus] == sorted(slots)
    assert {survey.driver.module, survey.driver.library} == set(asked("driver_version"))
    assert list(survey.driver.models) == asked("name")
    assert not survey.nouveau


def test_the_label_is_in_the_name_of_the_card(survey: Survey) -> None:
    (name,) = set(asked("name"))
    assert gpu_type(survey) in name.replace(" ", "-")


def test_the_unit_makes_cards_ready(toolkit: Path, tmp_path: Path) -> None:
    spec = tmp_path / "nvidia.yaml"
    unit = rendered("slipway-nvidia.service", toolkit, _node_nvidia_cdi=spec, node_nvidia_persistence=True)
    commands = [line.partition("=")[2] for line in unit.splitlines() if line.startswith("ExecStart=")]
    assert [Path(command.split()[0].lstrip("-")).name for command in commands] == [
        "nvidia-ctk",
        "nvidia-smi",
        "nvidia-ctk",
    ]
    for command in commands:
        if command.startswith("-"):  # may fail, where modules cannot be loaded
            subprocess.run(command[1:].split(), check=False)
        else:
            run(*command.split())
    assert set(asked("persistence_mode")) == {"Enabled"}
    assert f"{toolkit}/nvidia-cdi-hook" in spec.read_text(encoding="utf-8")


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
    program = Path(shutil.which("nvidia-smi") or "nvidia-smi").resolve()  # the toolkit follows links too
    process = config["process"] | {"terminal": False, "args": [str(program), "--list-gpus"]}
    process["env"] += [*environment, "NVIDIA_DRIVER_CAPABILITIES=utility,compute"]
    (directory / "config.json").write_text(json.dumps(config | {"process": process}))
    settings = directory / "toolkit" / "nvidia-container-runtime"
    settings.mkdir(parents=True)
    text = rendered("toolkit.toml", toolkit, node_nvidia_driver_root="/")
    (settings / "config.toml").write_text(text, encoding="utf-8")
    environ = {**os.environ, "XDG_CONFIG_HOME": str(settings.parent)}
    output = directory / "output"
    with output.open("w") as file:  # in two steps, as containerd does: only `create` gives it the cards
        runtime = [toolkit / "nvidia-container-runtime", "create", NAME]
        subprocess.run(
            runtime,
            check=True,
            cwd=directory,
            env=environ,
            stdout=file,
            stderr=file,
            stdin=subprocess.DEVNULL,
        )
    try:
        run("runc", "start", NAME)
        ended = time.monotonic() + 60
        while json.loads(run("runc", "state", NAME))["status"] != "stopped" and time.monotonic() < ended:
            time.sleep(0.1)
        return output.read_text(encoding="utf-8")
    finally:
        run("runc", "delete", "--force", NAME)
