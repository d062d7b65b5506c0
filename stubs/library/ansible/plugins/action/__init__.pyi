# What our action plugin uses of Ansible's base class.
from typing import Any

class Task:
    args: dict[str, Any]
    check_mode: bool

class ActionBase:
    TRANSFERS_FILES: bool
    _supports_async: bool
    _supports_check_mode: bool
    _task: Task

    def run(self, tmp: str | None = ..., task_vars: dict[str, Any] | None = ...) -> dict[str, Any]: ...
