"""Accounts of registries as Docker keeps them: in its file, or with programs that are asked for them."""

import base64
import json
import os
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from slipway.bundle.locks import images as lock
from slipway.bundle.registry import accounts
from slipway.bundle.registry.accounts import DockerAccounts
from slipway.bundle.registry.client import RegistryClient, RegistryError
from slipway.bundle.registry.tokens import IDENTITY
from slipway.bundle.registry.upstream import Upstreams
from slipway.errors import BundleError
from tests.faulty import Faulty
from tests.serving import serving
from tests.upstreams import AMD64, DAY, IMAGE

NOBODY = ("", "")
Helper = Callable[[str, str], Path]


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Helper:
    """Makes a docker-credential-NAME of this shell text; what it is told goes to a file."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def make(name: str, text: str) -> Path:
        program, told = folder / f"docker-credential-{name}", tmp_path / f"told-{name}"
        program.write_text(f'#!/bin/sh\necho "$* $(cat)" >> {told}\n{text}\n')
        program.chmod(0o755)
        return told

    return make


def says(user: str, secret: str) -> str:
    return f"echo '{json.dumps({'ServerURL': 'x', 'Username': user, 'Secret': secret})}'"


def config(folder: Path, **data: Any) -> DockerAccounts:
    (folder / "config.json").write_text(json.dumps(data))
    return DockerAccounts.read(folder / "config.json")


def test_accounts_are_dockers(tmp_path: Path, upstream: Faulty) -> None:
    backend = upstream.backend
    text = base64.b64encode(f"{backend.username}:{backend.password}".encode()).decode()
    auths = {upstream.host: {"auth": text}, "empty.io": {}, "azure.io": {"auth": text, "identitytoken": "t"}}
    found = config(tmp_path, auths=auths)
    assert found.get(upstream.host, NOBODY) == (backend.username, backend.password)
    assert found.get("empty.io", NOBODY) == NOBODY
    assert found.get("azure.io", NOBODY) == (IDENTITY, "t")
    urls = {"quay.io": upstream.url}
    assert lock.resolve(Upstreams(urls, accounts=found), IMAGE, AMD64, DAY)
    # The account of the registry itself is not told to a mirror of it.
    for others in ({}, {"quay.io": (backend.username, backend.password)}):
        with pytest.raises(RegistryError) as caught:
            lock.resolve(Upstreams(urls, accounts=others), IMAGE, AMD64, DAY)
        assert caught.value.code == "unauthorized"
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(BundleError, match="Docker's accounts"):
        DockerAccounts.read(tmp_path / "config.json")
    assert DockerAccounts.read(tmp_path / "nothing.json").get("quay.io", NOBODY) == NOBODY


def test_a_helper_is_asked_for_its_registry_once_and_when_it_is_used(
    tmp_path: Path, upstream: Faulty, helper: Helper, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = helper("vault", says(upstream.backend.username, upstream.backend.password))
    other = helper("other", says("me", "secret"))
    config(tmp_path, credHelpers={upstream.host: "vault"}, credsStore="other")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    upstreams = Upstreams({"quay.io": upstream.url})
    assert not told.exists()
    for _ in range(2):
        assert lock.resolve(upstreams, IMAGE, AMD64, DAY)
    assert told.read_text() == f"get {upstream.host}\n"
    assert not other.exists()


def test_who_is_asked_and_what_is_used_where_nobody_knows(tmp_path: Path, helper: Helper) -> None:
    helper("empty", "echo 'credentials not found in native keychain'; exit 1")
    helper("all", says("me", "of all"))
    auths = {"a.io": {"auth": base64.b64encode(b"me:of the file").decode()}}
    found = config(tmp_path, auths=auths, credHelpers={"a.io": "empty", "b.io": "empty"}, credsStore="all")
    assert found.get("a.io", NOBODY) == ("me", "of the file")
    assert found.get("b.io", NOBODY) == NOBODY
    assert found.get("c.io", NOBODY) == ("me", "of all")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "it cannot be started: No such file"),
        ("echo 'the vault is sealed'; exit 3", "it ended with 3: the vault is sealed"),
        (f"{says('me', 'hunter2')}; echo trouble >&2; exit 1", "it ended with 1: trouble"),
        ('echo \'{"Username": "me", "Password": "hunter2"}\'', "no Username and Secret"),
        ("echo hunter2", "no Username and Secret"),
        ("sleep 60; echo late", "no answer after"),
    ],
)
def test_a_helper_that_fails_is_named(
    tmp_path: Path, helper: Helper, monkeypatch: pytest.MonkeyPatch, text: str | None, why: str
) -> None:
    if text:
        helper("vault", text)
    monkeypatch.setattr(accounts, "PATIENCE", 1.0)
    started = time.monotonic()
    with pytest.raises(BundleError, match=r"docker-credential-vault gives no account for a\.io") as caught:
        config(tmp_path, credHelpers={"a.io": "vault"}).get("a.io", NOBODY)
    assert why in caught.value.why
    assert "log in again" in caught.value.hint
    assert "hunter2" not in str(caught.value)
    assert time.monotonic() - started < 20


class Service(BaseHTTPRequestHandler):
    """A registry that wants tokens, and the service that gives them for an identity token."""

    forms: list[dict[str, list[str]]]
    seen: list[str]

    def do_GET(self) -> None:
        self.seen.append(self.headers.get("Authorization", ""))
        fits = self.seen[-1] == "Bearer short-lived"
        self.send_response(200 if fits else 401)
        realm = f"http://{self.headers['Host']}/token"
        self.send_header("WWW-Authenticate", f'Bearer realm="{realm}",service="registry"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.forms.append(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        fits = self.forms[-1]["refresh_token"] == ["long-lived"]
        body = json.dumps({"access_token": "short-lived"} if fits else {"error": "invalid_grant"}).encode()
        self.send_response(200 if fits else 400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def service() -> Iterator[tuple[str, type[Service]]]:
    handler = type("Handler", (Service,), {"forms": [], "seen": []})
    with serving(handler) as url:
        yield url, handler


def test_an_identity_token_is_told_to_the_token_service_alone(
    tmp_path: Path, service: tuple[str, type[Service]], helper: Helper
) -> None:
    url, handler = service
    helper("vault", says(IDENTITY, "long-lived"))
    account = config(tmp_path, credsStore="vault").get(url, NOBODY)
    client = RegistryClient(url, None, *account)
    client.ping()
    client.close()
    assert handler.seen == ["", "Bearer short-lived"]
    [form] = handler.forms
    assert (form["grant_type"], form["service"]) == (["refresh_token"], ["registry"])
    with pytest.raises(RegistryError) as caught:
        RegistryClient(url, None, IDENTITY, "withdrawn").ping()  # its answer closes the connection
    assert caught.value.code == "unauthorized"
    assert "withdrawn" not in str(caught.value)
