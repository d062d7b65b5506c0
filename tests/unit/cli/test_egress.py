"""`slipway egress report` without a lab and without a cluster: records of a site's own firewall."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from slipway.lab import Egress
from slipway.model.egress import Asked, Sent
from slipway.settings import interpreter_bin

SENT = {"source": "10.0.0.22", "destination": "192.0.2.7", "protocol": "TCP", "port": 443, "count": 4}
ASKED = {"source": "10.0.0.22", "name": "Quay.io", "type": "A", "count": 1}


def report(place: Path, records: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    file = place / "records.json"
    file.write_text(records if isinstance(records, str) else json.dumps(records))
    own = {name: value for name, value in os.environ.items() if not name.startswith("SLIPWAY_")}
    argv = [interpreter_bin() / "slipway", "egress", "report", "--records", file, *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd=place, env=own)


def test_nothing_counted_is_fine(tmp_path: Path) -> None:
    done = report(tmp_path, {"sent": [], "asked": []})
    assert (done.returncode, done.stdout, done.stderr) == (0, "nothing left the site\n", "")


def test_what_left_is_told_and_so_is_what_could_not_be_read(tmp_path: Path) -> None:
    done = report(tmp_path, {"sent": [SENT], "asked": [ASKED]}, "-o", "json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["ok"]) == (4, False)
    assert [(row["who"], row["target"], row["port"], row["count"]) for row in told["rows"]] == [
        ("address 10.0.0.22", "192.0.2.7", "tcp/443", 4),
        ("address 10.0.0.22", "quay.io", "A", 1),
    ]
    assert told["unread"] == ["the cluster: there is no ClusterConfiguration here"]
    assert "not read: the cluster" in report(tmp_path, {"sent": [SENT], "asked": []}).stdout


def test_what_a_lab_prints_can_be_read(tmp_path: Path) -> None:
    from slipway.cli.views.output import _plain

    seen = Egress.of(
        5, [Sent("10.0.0.22", "192.0.2.7", "tcp", 4, 443)], [Asked("10.0.0.22", "quay.io", "A", 1)]
    )
    done = report(tmp_path, json.dumps(seen, default=_plain), "-o", "json")
    assert [row["count"] for row in json.loads(done.stdout)["rows"]] == [4, 1, 1]


@pytest.mark.parametrize(
    ("records", "says"),
    [
        ({"sent": [SENT]}, "asked: "),
        ({}, "sent: "),
        ("{", "file: "),
        ({"sent": [{**SENT, "source": "node-1"}], "asked": []}, "sent.0.source: "),
        ({"sent": [{**SENT, "count": 0}], "asked": []}, "sent.0.count: "),
        ({"sent": [{**SENT, "port": 70000}], "asked": []}, "sent.0.port: "),
        ({"sent": [], "asked": [{"name": "quay.io"}]}, "asked.0.source: "),
    ],
)
def test_what_is_no_record_is_refused_with_its_place(tmp_path: Path, records: Any, says: str) -> None:
    done = report(tmp_path, records)
    assert done.returncode == 3
    assert says in done.stderr
    assert done.stdout == ""


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    done = report(tmp_path, {}, "--records", "missing.json")
    assert done.returncode == 3
    assert "missing.json" in done.stderr


def test_somebody_has_to_say_where_it_was_counted(tmp_path: Path) -> None:
    own = {name: value for name, value in os.environ.items() if not name.startswith("SLIPWAY_")}
    argv = [interpreter_bin() / "slipway", "egress", "report"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=tmp_path, env=own)
    assert done.returncode == 2
    assert "--records" in done.stderr
