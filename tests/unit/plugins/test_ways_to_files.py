"""Whatever changes files on a host goes by slipway_paths, which follows no link of others: there is no other way."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.settings import data_dir

PLUGINS, ROLES = data_dir() / "plugins", data_dir() / "roles"
#: The ways themselves, and a copy between two roots that both are held by them.
WAYS = {"slipway_walk.py", "slipway_paths.py", "slipway_copytree.py"}
MODULES = [path for path in sorted(PLUGINS.glob("mod*/*.py")) if path.name not in WAYS]
CHANGES = {
    "os": "chmod chown lchown link makedirs mkdir mkfifo mknod open remove removedirs removexattr rename renames "
    "replace rmdir setxattr symlink truncate unlink utime",
    "shutil": "chown copy copy2 copyfile copymode copystat copytree make_archive move rmtree unpack_archive",
}
BANNED = {f"{room}.{name}" for room, names in CHANGES.items() for name in names.split()}
#: Ansible's own modules that make or change files, and where each one says which.
ANSIBLE = {
    "assemble": "dest",
    "blockinfile": "path",
    "copy": "dest",
    "cron": "cron_file",
    "file": "path",
    "get_url": "dest",
    "git": "dest",
    "lineinfile": "path",
    "replace": "path",
    "template": "dest",
    "unarchive": "dest",
}
#: Whose directories nobody but root writes; a service's or a user's data is in none of them.
ROOTS = ("/etc/", "/opt/", "/usr/", "/var/lib/slipway/")


#: Programs that do the same by paths.
PROGRAMS = {
    "chgrp",
    "chmod",
    "chown",
    "cp",
    "install",
    "ln",
    "mkdir",
    "mktemp",
    "mv",
    "rm",
    "setfacl",
    "tee",
    "touch",
}


def started(path: Path) -> Iterator[str]:
    """What stands first in a list of words: a program, where it is one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.List) and node.elts and isinstance(node.elts[0], ast.Constant):
            yield str(node.elts[0].value).rpartition("/")[2]


def called(path: Path) -> Iterator[str]:
    """What a module calls by name of its room, and files that it opens by their path."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)
        if isinstance(node, ast.ImportFrom) and node.module in {"os", "shutil", "pathlib"}:
            yield from (f"{node.module}.{one.name}" for one in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_changes_files_by_the_one_way(path: Path) -> None:
    assert not {*called(path)} & {*BANNED, "open", "io.open", "pathlib.Path", "module.atomic_move"}
    assert not {*started(path)} & PROGRAMS


def tasks(found: Any) -> Iterator[dict[str, Any]]:
    """Every task, those of blocks too."""
    for task in found or ():
        yield task
        for key in ("block", "rescue", "always"):
            yield from tasks(task.get(key))


@pytest.mark.parametrize(
    "path", sorted(ROLES.glob("*/*/*.yml")), ids=lambda path: str(path.relative_to(ROLES))
)
def test_a_role_makes_files_of_others_by_our_modules(path: Path) -> None:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    for task in tasks(document if isinstance(document, list) else ()):
        for name, key in ANSIBLE.items():
            for spelled in (name, f"ansible.builtin.{name}", f"ansible.legacy.{name}"):
                place = str((task.get(spelled) or {}).get(key, "")) if spelled in task else ROOTS[0]
                assert place.startswith(ROOTS), f"{task.get('name')}: {place}"
                assert ".." not in place
        words = str(task.get("ansible.builtin.command", task.get("ansible.builtin.shell", "")))
        assert not PROGRAMS & set(words.split()), words
