"""Whatever the umask of a login is, modules and all that they start make what others can read."""

import os
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from slipway.settings import data_dir

PLUGINS = data_dir() / "plugins"


@pytest.mark.parametrize("path", sorted((PLUGINS / "modules").glob("*.py")), ids=lambda path: path.stem)
def test_every_module_takes_it_from_one_place(path: Path) -> None:
    assert "from ansible.module_utils.slipway_host import" in path.read_text(encoding="utf-8")


def test_the_umask_of_the_login_does_not_count() -> None:
    before = os.umask(0o077)
    try:
        spec = spec_from_file_location("fresh", PLUGINS / "module_utils/slipway_host.py")
        assert spec
        assert spec.loader
        spec.loader.exec_module(module_from_spec(spec))
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)
