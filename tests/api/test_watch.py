"""The reflector against a real API server that restarts, forgets old versions, and ends watches."""

import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from slipway.cluster.rest import watch
from slipway.cluster.rest.client import Client, Object, connect
from slipway.cluster.rest.watch import Event, Reflector
from slipway.errors import SlipwayError
from tests.apiserver import ApiServer, until

CONFIG_MAP = ("v1", "ConfigMap")
SPACE = "watched"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """One of our own: it is restarted."""
    with ApiServer(tmp_path_factory.mktemp("watch-api")) as server:
        server.create_namespace(SPACE)
        yield server


class Seen:
    """A reflector in a thread, and what it told."""

    def __init__(self, client: Client, *, resync: float = 600.0) -> None:
        self.events: list[Event] = []
        self.stop = threading.Event()
        reflector = Reflector(lambda: client, CONFIG_MAP, SPACE, self.events.append, resync=resync)
        self._thread = threading.Thread(target=reflector.run, args=(self.stop,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        until(lambda: self.lists() > 0, seconds=10, what="first list")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()

    def lists(self) -> int:
        return sum(event.kind == "Synchronization" for event in self.events)

    def added(self, name: str) -> bool:
        return any(event.kind == "Added" and _name(event.objects[0]) == name for event in self.events)

    def knows(self, name: str) -> bool:
        return any(_name(item) == name for event in self.events for item in event.objects)


def _name(item: Object) -> str:
    return str(item["metadata"]["name"])


def create(api: ApiServer, name: str) -> None:
    path = f"/api/v1/namespaces/{SPACE}/configmaps"
    status, answer = api.request("POST", path, {"metadata": {"name": name}})
    assert status == 201, answer


def restart(api: ApiServer) -> None:
    """Kill kube-apiserver, which leaves connections half open to nobody, and start it again as it was."""
    place = next(number for number, one in enumerate(api._processes) if "kube-apiserver" in str(one.args))
    old = api._processes[place]
    old.kill()
    old.wait()
    with (Path(api.directory) / "kube-apiserver.log").open("ab") as log:
        api._processes[place] = subprocess.Popen(
            old.args,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=api.directory,
            start_new_session=True,
        )
    until(lambda: api._ready(*api._processes), seconds=60, what="kube-apiserver ready again")


def test_a_change_arrives(api: ApiServer) -> None:
    with connect(api.kubeconfig) as client, Seen(client) as seen:
        create(api, "arrives")
        until(lambda: seen.added("arrives"), seconds=5, what="change seen")


def test_it_goes_on_after_the_api_server_was_killed(api: ApiServer) -> None:
    with connect(api.kubeconfig) as client, Seen(client) as seen:
        restart(api)
        until(lambda: seen.lists() > 1, seconds=20, what="second list")
        create(api, "after-restart")
        until(lambda: seen.added("after-restart"), seconds=5, what="change seen")


def behind(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its first list the client believes in a version that the server no longer has."""
    real, versions = client.list_at, ["1"]

    def list_at(*arguments: str, **selection: Any) -> tuple[list[Object], str]:
        items, version = real(*arguments, **selection)
        return items, versions.pop() if versions else version

    monkeypatch.setattr(client, "list_at", list_at)


def test_it_lists_again_when_its_version_is_too_old(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    restart(api)  # a server that starts has the present only
    with connect(api.kubeconfig) as client:
        with pytest.raises(SlipwayError, match="too old resource version"):
            next(client.watch(*CONFIG_MAP, SPACE, since="1"))
        behind(client, monkeypatch)
        with Seen(client) as seen:
            until(lambda: seen.lists() > 1, seconds=10, what="second list")
            create(api, "after-410")
            until(lambda: seen.added("after-410"), seconds=5, what="change seen")


def test_watches_that_end_are_taken_up_without_a_list(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "WATCH_SECONDS", (1, 1))
    with connect(api.kubeconfig) as client, Seen(client) as seen:
        for number in range(4):
            create(api, f"across-{number}")
            until(lambda name=f"across-{number}": seen.added(name), seconds=5, what="change seen")  # type: ignore[misc]
            time.sleep(0.8)
        assert seen.lists() == 1


def test_the_list_is_repeated(api: ApiServer) -> None:
    with connect(api.kubeconfig) as client, Seen(client, resync=1.0) as seen:
        until(lambda: seen.lists() > 2, seconds=10, what="third list")
