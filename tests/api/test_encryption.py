"""Keys of Secrets at a real API server and in its etcd: each stage of a change reads all, and the rewrite moves all."""

import base64
import secrets
from collections.abc import Iterator
from pathlib import Path

import jinja2
import pytest

from slipway.cluster.own.rewriting import rewrite_secrets
from slipway.cluster.rest import client as rest
from slipway.cluster.rest.client import Client, connect
from slipway.errors import Interrupted
from slipway.planning import hardening
from slipway.settings import data_dir
from tests.apiserver import ApiServer

TEMPLATE = data_dir() / "roles/kubernetes_control_plane/templates/encryption.yaml.j2"
PLAIN, KEY1, KEY2 = "plain", "key1", "key2"
NUMBER, CREATED, OK = 30, 201, 200
SECRETS = "/registry/secrets/default/"


class Site:
    """One API server whose keys change as a roll changes them: another file, another process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.values = {name: base64.b64encode(secrets.token_bytes(32)).decode() for name in (KEY1, KEY2)}
        self.server = ApiServer(folder / "server", flags=self.flags(PLAIN))

    def flags(self, *keys: str) -> tuple[str, ...]:
        """The flag for a list of keys, whose file is written as the role writes it."""
        if not (place := hardening.encryption_file(keys)):
            return ()
        given = {name: self.values.get(name.partition(".")[2], "") for name in hardening.encryption(keys)}
        template = jinja2.Environment(trim_blocks=True).from_string(TEMPLATE.read_text())  # noqa: S701 - no HTML
        path = self.folder / Path(place).name
        path.write_text(template.render(kubernetes_control_plane_encryption=given))
        path.chmod(0o600)
        return (f"--encryption-provider-config={path}",)

    def roll(self, *keys: str) -> None:
        """Afterwards it reads every Secret that is there."""
        self.server.kill_api()
        self.server.flags = self.flags(*keys)
        self.server.start_api()
        status, found = self.server.request("GET", "/api/v1/namespaces/default/secrets")
        assert status == OK, found
        words = {item["metadata"]["name"]: base64.b64decode(item["data"]["word"]) for item in found["items"]}
        assert words == {f"s{number}": b"s3cret-planted" for number in range(NUMBER)}

    def client(self) -> Client:
        return connect(self.server.kubeconfig)

    def kept_by(self) -> dict[str, int]:
        """By which keys etcd has how many of them."""
        found = {PLAIN: 0, KEY1: 0, KEY2: 0}
        for _, value in self.server.stored(SECRETS).values():
            key = next(
                (key for key in self.values if value.startswith(f"k8s:enc:secretbox:v1:{key}:".encode())),
                PLAIN,
            )
            assert (b"s3cret-planted" in value) == (key == PLAIN)
            found[key] += 1
        return {key: number for key, number in found.items() if number}

    def revisions(self) -> set[int]:
        return {revision for revision, _ in self.server.stored(SECRETS).values()}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("keys"))
    with made.server as server:
        for number in range(NUMBER):
            body = {
                "metadata": {"name": f"s{number}"},
                "stringData": {"word": "s3cret-planted"},
                "immutable": number == 0,
            }
            assert server.request("POST", "/api/v1/namespaces/default/secrets", body)[0] == CREATED
        yield made


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several of them."""
    monkeypatch.setattr(rest, "PAGE", 7)


@pytest.mark.parametrize(
    ("old", "new"), [(PLAIN, KEY1), (KEY1, KEY2), (KEY2, PLAIN)], ids=["begin", "rotate", "end"]
)
def test_every_stage_reads_all_secrets_and_the_rewrite_moves_all(site: Site, old: str, new: str) -> None:
    """An immutable one too; one after the other, as the tests of this file share their Secrets."""
    site.roll(old, new)
    assert site.kept_by() == {old: NUMBER}
    site.roll(new, old)
    assert site.kept_by() == {old: NUMBER}

    asked = iter(range(NUMBER))
    with pytest.raises(Interrupted):
        rewrite_secrets(site.client(), lambda: next(asked, NUMBER) >= NUMBER // 2)
    half = site.kept_by()
    assert half.keys() == {old, new}, half

    assert rewrite_secrets(site.client(), lambda: False) >= NUMBER
    assert site.kept_by() == {new: NUMBER}
    before = site.revisions()
    rewrite_secrets(site.client(), lambda: False)
    assert site.revisions() == before  # what has the key costs no write
    site.roll(new)
