"""What tests have seen of modules: kept in the modules' folders with SLIPWAY_KEEP_LEVELS=1.

A test says by `@pytest.mark.level("4", "metrics-server")` what it shows of which modules. It may add what it measured:
`record_property("trials", {MODULE: {"seconds": 3.1, "objects": 9}})`.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from slipway import catalog
from slipway.catalog.folder.levels import Level, Trial, write_trial
from slipway.clock import utc_now

KEEP = "SLIPWAY_KEEP_LEVELS"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report: pytest.TestReport = yield
    if os.environ.get(KEEP) and report.when == "call" and report.passed:
        measured: Any = dict(report.user_properties).get("trials", {})
        for mark in item.iter_markers("level"):
            level, *modules = mark.args
            for name in modules:
                _keep(name, level, item.nodeid.partition("[")[0], measured.get(name, {}))
    return report


def _keep(name: str, level: str, test: str, measured: dict[str, Any]) -> None:
    module = catalog.load().named(name)
    known = {
        "level": Level(level),
        "day": utc_now().strftime("%Y-%m-%d"),
        "digest": module.digest,
        "by": test,
    }
    write_trial(module.directory, Trial.model_validate(known | measured))
