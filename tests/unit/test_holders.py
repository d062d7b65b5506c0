"""Who holds a lock and whether that process is gone: real processes, one of them in a PID namespace of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from slipway.holders import Holder, Sighting, is_gone, name_of, runs_here, this_process

#: Prints its holder, then lives until its stdin ends.
HOLDER = "import sys; from slipway.holders import this_process; print(this_process(), flush=True); sys.stdin.read()"
#: Says of each holder on its stdin whether that is gone.
JUDGE = """
import sys
from slipway.holders import is_gone
for line in sys.stdin:
    print(is_gone(line.strip()), flush=True)
"""
OWN_NAMESPACE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


@contextmanager
def living(*prefix: str) -> Iterator[str]:
    """A process that holds something, by its name."""
    process = subprocess.Popen(
        [*prefix, sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin
    assert process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def ended_process() -> str:
    with living() as holder:
        pass
    return holder


def judged(holder: str, *prefix: str) -> bool:
    """Whether a process there takes the holder for gone."""
    command = [*prefix, sys.executable, "-c", JUDGE]
    done = subprocess.run(command, input=f"{holder}\n", capture_output=True, text=True, check=True)
    return done.stdout.strip() == "True"


def parsed(text: str) -> Holder:
    holder = Holder.parse(text)
    assert holder is not None
    return holder


def test_this_process_is_here() -> None:
    mine = this_process()
    assert str(parsed(mine)) == mine
    assert runs_here(mine)
    assert not is_gone(mine)


def test_a_living_process_is_not_gone_and_an_ended_one_is() -> None:
    with living() as holder:
        assert not is_gone(holder)
        assert runs_here(holder)
    assert is_gone(holder)
    assert not runs_here(holder)


def test_a_process_that_nobody_has_waited_for_is_gone() -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    holder = process.stdout.readline().decode().strip()
    process.stdin.close()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert Path(f"/proc/{process.pid}").exists()
    assert is_gone(holder)
    process.wait()
    process.stdout.close()


def test_a_number_that_a_later_process_got_is_another() -> None:
    with living() as holder:
        former = parsed(holder)
        assert is_gone(str(replace(former, start=former.start - 1)))


@pytest.mark.parametrize("prefix", [(), OWN_NAMESPACE], ids=["here", "in a namespace of its own"])
def test_who_lives_in_another_pid_namespace_cannot_be_judged(prefix: tuple[str, ...]) -> None:
    """A pod with the host's network has the host's name; its process numbers are its own."""
    with living(*prefix) as holder:
        other = OWN_NAMESPACE if not prefix else ()
        assert not judged(holder, *other)
    assert not judged(holder, *other)
    assert judged(ended_process())


def test_where_proc_is_of_another_namespace_nobody_is_judged() -> None:
    """Its numbers are not ours: neither are we told apart by them, nor anybody else."""
    blind = ("unshare", "--pid", "--fork", "--kill-child")
    with living(*blind) as one, living(*blind) as two:
        assert parsed(one).place != parsed(two).place
        assert not judged(two, *blind)
    assert not is_gone(one)


@pytest.mark.parametrize(
    "text", ["", "somebody", "slipway@laptop:7", "operator/slipway-operator-abc", "slipway@laptop:7+zz.1.2"]
)
def test_of_those_who_are_not_named_like_this_nothing_is_known(text: str) -> None:
    assert Holder.parse(text) is None
    assert not is_gone(text)
    assert not runs_here(text)
    assert name_of(text) == text.partition("+")[0]


def test_another_machine_or_boot_with_the_same_numbers_is_another_place() -> None:
    ended = parsed(ended_process())
    assert is_gone(str(ended))
    assert not is_gone(str(replace(ended, place="0123456789abcdef")))


def test_people_see_program_machine_and_process() -> None:
    mine = this_process()
    assert name_of(mine).startswith("slipway@")
    assert name_of(mine).endswith(f":{parsed(mine).pid}")
    assert name_of(this_process("operator/pod-1")) == "operator/pod-1"


def test_a_record_ages_from_when_it_was_first_seen_like_this() -> None:
    now = 1000.0
    sighting = Sighting(lambda: now)
    assert sighting.still_for({"renewTime": "a"}) == 0
    now += 59
    assert sighting.still_for({"renewTime": "a"}) == 59
    assert sighting.still_for({"renewTime": "b"}) == 0
    now += 61
    assert sighting.still_for({"renewTime": "b"}) == 61
