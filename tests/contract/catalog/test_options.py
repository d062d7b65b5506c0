"""images/kubernetes: what the versions' own code and programs say, and no older word of theirs."""

import re
import subprocess

import pytest

from slipway import catalog
from tests.binaries import binary

CATALOG = catalog.load()


@pytest.mark.parametrize("program", ["kube-apiserver", "kube-controller-manager", "kube-scheduler"])
def test_every_flag_in_the_help_of_the_program_that_is_shipped_is_known(program: str) -> None:
    shown = subprocess.check_output([binary(program), "--help"], text=True)
    flags = set(re.findall(r"^ +(?:-\w, )?--([a-z0-9.-]+)", shown, re.MULTILINE)) - {"help", "version"}
    known = CATALOG.options[CATALOG.versions.kubernetes].flags[program]
    assert len(flags) > 50
    assert flags <= set(known)
