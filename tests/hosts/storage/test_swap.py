"""Swap on a machine with a kernel of its own, in all ways in which it comes back: off, over a boot, given back, reset.

The tests of this file build on each other, in the order written. gpt-auto's unit is one that a generator makes late;
the service stands for those that make swap by themselves.
"""

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.model.host.ssh import SSH
from slipway.runner import RunnerResult, connection_variables, run
from tests.labs import lab_nodes
from tests.uml import Machines, uml_nodes

NODE = "swapper"
FILES = ("/swapfstab", "/swapunit", "/swapgpt", "/swapservice", "/swaphand")
AT_BOOT = {"/swapfstab", "/swapunit", "/swapgpt", "/swapservice", "/dev/zram0"}
ALL = {**dict.fromkeys(AT_BOOT, ""), "/swaphand": "7"}
UNIT = "[Swap]\nWhat=/swapunit\n[Install]\nWantedBy=swap.target\n"
SERVICE = """\
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/swapon /swapservice
ExecStop=-/usr/sbin/swapoff /swapservice
[Install]
WantedBy=multi-user.target
"""
GENERATOR = """\
#!/bin/sh
mkdir -p "$3/swap.target.wants"
printf '[Swap]\\nWhat=/swapgpt\\n' > "$3/swapgpt.swap"
ln -sf ../swapgpt.swap "$3/swap.target.wants/"
"""
PLACED = {
    "/etc/systemd/system/swapunit.swap": UNIT,
    "/etc/systemd/system/zramswap.service": SERVICE,
    "/etc/systemd/system-generators/gpt": GENERATOR,
    "/etc/systemd/zram-generator.conf": "[zram0]\nzram-size = 16\n",
}
SET_UP = f"""
    set -e
    for f in {" ".join(FILES)}; do
        dd if=/dev/zero of=$f bs=1M count=8 status=none; chmod 600 $f; mkswap -q $f
    done
    echo '# a comment' >> /etc/fstab
    echo '/swapfstab none swap sw 0 0' >> /etc/fstab
    systemctl daemon-reload
    systemctl enable --quiet --now swapunit.swap zramswap.service
    systemctl start swapgpt.swap dev-zram0.swap
    swapon /swapfstab
    swapon --priority 7 /swaphand
"""
PLAY = """
- name: Swap
  hosts: all
  gather_facts: false
  tasks:
    - name: As the role has it
      slipway_kernel:
        swap: "{{ keep }}"
"""


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    with (
        lab_nodes("swaps", "10.188.0.0/24") as lab,
        uml_nodes(lab, NODE, packages=("systemd-zram-generator",)) as found,
    ):
        for path, text in PLACED.items():
            mode = "755" if text.startswith("#!") else "644"
            found.ssh(NODE, ["install", "-D", "-m", mode, "/dev/stdin", path], stdin=text)
        found.ssh(NODE, ["sh", "-c", SET_UP])
        yield found


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory, machines: Machines) -> Path:
    found = tmp_path_factory.mktemp("swap")
    (found / "play.yml").write_text(PLAY)
    return found


def carried_out(machines: Machines, directory: Path, playbook: Path | str, **options: bool) -> int:
    """Tasks changed by a run that succeeds."""
    (node,) = machines.nodes
    keep = options.pop("keep", False)
    result: RunnerResult = run(
        playbook,
        hosts={NODE: {**connection_variables(SSH(), node.address), "keep": keep}},
        directory=directory / "runs",
        secrets=lambda _reference: machines.private_key.read_text(),
        known_hosts=machines.known_hosts,
        **options,
    )
    assert result.ok, result.failures
    return result.stats[NODE]["changed"]


def play(machines: Machines, directory: Path, *, keep: bool = False, check: bool = False) -> int:
    return carried_out(machines, directory, directory / "play.yml", keep=keep, check=check)


def sh(machines: Machines, script: str) -> str:
    return machines.ssh(NODE, ["sh", "-c", script], check=False).stdout


def swaps(machines: Machines) -> dict[str, str]:
    """What is swapped to -> its priority, where somebody has set one."""
    lines = [line.split() for line in sh(machines, "cat /proc/swaps").splitlines()[1:]]
    return {words[0]: words[-1] if words[0] == "/swaphand" else "" for words in lines}


def boot(machines: Machines) -> None:
    machines.stop(NODE)
    machines.start(NODE)


def test_every_way_is_put_out_of_force(machines: Machines, directory: Path) -> None:
    assert swaps(machines) == ALL
    assert play(machines, directory, check=True) == 1
    assert swaps(machines) == ALL
    assert play(machines, directory) == 1
    assert swaps(machines) == {}
    for check in (False, True):
        assert play(machines, directory, check=check) == 0


def test_after_a_boot_there_is_none(machines: Machines, directory: Path) -> None:
    boot(machines)
    assert swaps(machines) == {}
    assert play(machines, directory, check=True) == 0


def test_kept_again_all_of_it_is_back(machines: Machines, directory: Path) -> None:
    assert play(machines, directory, keep=True, check=True) == 1
    assert swaps(machines) == {}
    assert play(machines, directory, keep=True) == 1
    assert swaps(machines) == ALL
    for check in (False, True):
        assert play(machines, directory, keep=True, check=check) == 0
    assert sh(machines, "tail -n 2 /etc/fstab") == "# a comment\n/swapfstab none swap sw 0 0\n"
    assert sh(machines, f"cat {shlex.quote('/etc/systemd/system/swapunit.swap')}") == UNIT


def test_a_reset_gives_it_back_too_and_a_boot_finds_it(machines: Machines, directory: Path) -> None:
    play(machines, directory)
    assert swaps(machines) == {}
    assert carried_out(machines, directory, "reset.yml") == 1
    assert swaps(machines) == ALL
    assert carried_out(machines, directory, "reset.yml") == 0
    left = "ls -d /etc/systemd/system/*.swap.d /etc/systemd/system/dev-zram0.swap 2>/dev/null"
    assert sh(machines, left) == ""
    boot(machines)
    assert set(swaps(machines)) == AT_BOOT
