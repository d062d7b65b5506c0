"""The command line as a whole: commands explain themselves, start without what they do not need, fail in one form."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from slipway.api import read
from slipway.cli.init import minimal_document
from slipway.cli.main import COMMANDS, app, wants_json
from slipway.cli.views.output import colour
from slipway.errors import ConfigurationError
from slipway.model.plan import StepKind
from tests.unit.planning import model

SLIPWAY = Path(sys.executable).with_name("slipway")


def commands() -> Iterator[tuple[str, Any]]:
    """Name and command, those inside groups included."""
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    for name in COMMANDS:
        command = root.get_command(None, name)  # type: ignore[arg-type]
        inner = getattr(command, "commands", None)
        if inner:
            yield from ((f"{name} {sub}", one) for sub, one in inner.items())
        else:
            yield name, command


ALL = dict(commands())


@pytest.mark.parametrize("name", ALL)
def test_every_command_and_option_has_help(name: str) -> None:
    command = ALL[name]
    assert command.help, "what does it do?"
    assert command.help.rstrip().endswith("."), "a sentence"
    assert not [
        option.name for option in command.params if not getattr(option, "help", "") and option.name != "shell"
    ]


@pytest.mark.parametrize(
    "name",
    [
        "init",
        "plan",
        "apply",
        "install",
        "status",
        "kubeconfig",
        "preflight",
        "host-explain",
        "host-forget",
        "reset",
        "bundle-build",
        "bundle-push",
        "bundle-verify",
        "catalog-verify",
        "module-enable",
        "module-disable",
        "operation-cancel",
        "lab-up",
        "lab-ssh",
    ],
)
def test_what_a_newcomer_types_first_has_an_example(name: str) -> None:
    command = ALL[name.replace("-", " ")]
    assert f"slipway {name}".replace("-", " ") in f"{command.epilog or ''} {command.help}"


@pytest.mark.parametrize(
    "name", [name for name in ALL if name not in {"operator run", "operator hook", "lab ssh"}]
)
def test_everything_that_prints_data_prints_json(name: str) -> None:
    silent = {"init", "kubeconfig", "completion", "operation cancel", "lab down", "lab reset"}
    options = {option for parameter in ALL[name].params for option in parameter.opts}
    assert name in silent or "--output" in options


def test_it_starts_without_the_heavy_libraries() -> None:
    program = (
        "import json, sys; from slipway.cli import main\n"
        "sys.argv = ['slipway', 'version']\n"
        "try: main.main()\n"
        "except SystemExit as end: assert not end.code\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(json.loads(ran.stdout.splitlines()[-1]))
    heavy = {
        "ansible",
        "ansible_runner",
        "kubernetes",
        "paramiko",
        "pyhelm3",
        "rich",
        "cryptography",
        "jinja2",
    }
    assert loaded & heavy == set()


def slipway(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SLIPWAY, *arguments], capture_output=True, text=True, check=False, cwd=cwd)


def test_an_error_is_one_screen_without_a_traceback(tmp_path: Path) -> None:
    ran = slipway("status", "-f", "missing.yaml", cwd=tmp_path)
    assert ran.returncode == 3
    assert ran.stdout == ""
    assert ran.stderr.startswith("error: ")
    assert "missing.yaml" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_for_machines_the_error_is_json_on_stdout(tmp_path: Path) -> None:
    ran = slipway("status", "-f", "missing.yaml", "-o", "json", cwd=tmp_path)
    assert ran.returncode == 3
    told = json.loads(ran.stdout)
    assert (told["error"], told["exitCode"]) == ("ConfigurationError", 3)


def test_a_wrong_option_is_a_usage_error(tmp_path: Path) -> None:
    assert slipway("plan", "--no-such-option", cwd=tmp_path).returncode == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["staus"], "there is no command 'staus': did you mean status?"),
        (["module", "enable", "welcom"], "there is no module 'welcom'; nothing was changed"),
        (["module", "rotate-secret", "welcome", "login"], "module welcome has no secret 'login'"),
        (["bundle", "lock", "--modules", "flannel,welcom"], "there is no module 'welcom'"),
        (["version", "-o", "yaml"], "'--output' / '-o': 'yaml' is not one of 'text', 'json'."),
        (["lab", "status", "--name", "no-such-lab"], "there is no lab 'no-such-lab'"),
        (["lab", "ssh", "--name", "no-such-lab", "node-1"], "there is no lab 'no-such-lab'"),
    ],
    ids=str,
)
def test_a_slip_is_told_as_such(tmp_path: Path, arguments: list[str], says: str) -> None:
    (tmp_path / "cluster.yaml").write_text(
        minimal_document("site", model.KUBERNETES, "root", ["10.0.0.1"], 1)
    )
    ran = slipway(*arguments, cwd=tmp_path)
    assert ran.returncode != 0
    assert ran.stdout == ""
    assert says in ran.stderr


@pytest.mark.parametrize(("said", "expected"), [("", "\x1b[32mReady\x1b[0m"), ("1", "Ready")])
def test_a_terminal_has_colours_unless_its_user_wants_none(
    monkeypatch: pytest.MonkeyPatch, said: str, expected: str
) -> None:
    monkeypatch.setenv("NO_COLOR", said)
    leader, follower = os.openpty()
    with os.fdopen(leader), os.fdopen(follower, "w") as terminal:
        assert colour("Ready", "green", stream=terminal) == expected


def test_cancel_with_nothing_to_cancel_is_a_conflict(tmp_path: Path) -> None:
    (tmp_path / "cluster.yaml").write_text(
        minimal_document("site", model.KUBERNETES, "root", ["10.0.0.1"], 1)
    )
    ran = slipway("operation", "cancel", cwd=tmp_path)
    assert ran.returncode == 5
    assert "no operation runs" in ran.stderr


@pytest.mark.parametrize("form", [["-o", "json"], ["-ojson"], ["--output", "json"], ["--output=json"]])
def test_json_is_recognised_however_it_is_spelled(form: list[str]) -> None:
    assert wants_json(["slipway", "plan", *form, "-f", "x.yaml"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan"],
        ["plan", "-o", "text"],
        ["plan", "-f", "json"],
        ["lab", "ssh", "node-1", "--", "ip", "-o", "json"],
    ],
)
def test_json_that_is_not_our_option_is_not(arguments: list[str]) -> None:
    assert not wants_json(["slipway", *arguments])


@pytest.mark.parametrize(
    ("addresses", "planes", "roles"),
    [
        (["10.0.0.1"], 1, [("cp-01", ("control-plane", "worker"))]),
        (["10.0.0.1", "10.0.0.2"], 1, [("cp-01", ("control-plane",)), ("worker-01", ("worker",))]),
        (
            ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"],
            3,
            [(f"cp-0{n}", ("control-plane",)) for n in (1, 2, 3)] + [("worker-01", ("worker",))],
        ),
        (
            ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
            3,
            [(f"cp-0{n}", ("control-plane", "worker")) for n in (1, 2, 3)],
        ),
    ],
    ids=["one server", "two", "three planes and a worker", "three planes alone"],
)
def test_what_init_writes_can_be_applied(
    tmp_path: Path, addresses: list[str], planes: int, roles: list[tuple[str, tuple[str, ...]]]
) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text(minimal_document("first", model.KUBERNETES, "ops", addresses, planes))
    configuration = read.load(file)
    assert [(host.name, tuple(host.roles)) for host in configuration.hosts] == roles
    assert model.catalog().check(configuration) == []
    plan = model.planned(read.document(file), model.fresh(configuration))
    assert {step.target for step in plan.steps if step.kind is StepKind.HOST} == {name for name, _ in roles}


def test_init_refuses_to_overwrite_and_leaves_no_broken_file(tmp_path: Path) -> None:
    ran = slipway("init", "--hosts", "10.0.0.1,not-an-address", cwd=tmp_path)
    assert ran.returncode == 3
    assert list(tmp_path.iterdir()) == []
    assert slipway("init", "--hosts", "10.0.0.1", cwd=tmp_path).returncode == 0
    before = (tmp_path / "cluster.yaml").read_text()
    assert slipway("init", "--hosts", "10.0.0.2", cwd=tmp_path).returncode == ConfigurationError.exit_code
    assert (tmp_path / "cluster.yaml").read_text() == before
