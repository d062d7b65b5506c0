"""Modules take secrets by declared fields: no word names another one, and nobody is given what opens hosts."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway import catalog
from slipway.api import read
from slipway.catalog import Catalog
from slipway.engine.context import Context
from slipway.engine.sealing import secret_digests
from slipway.engine.secretforms import form_findings
from slipway.errors import ConfigurationError
from slipway.model.configuration import Configuration, Spec
from slipway.model.observed import Observed, Scope
from slipway.planning.modulesecrets import secret_requests
from slipway.secrets import MappedSecrets
from slipway.settings import NAMESPACE
from tests.attacks.test_words_are_data import MARKERS
from tests.holding import context
from tests.secretmodules import ENTRIES, write_secret_module
from tests.unit.planning import model

TEAM = "team-a"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    folder = tmp_path_factory.mktemp("modules") / "told"
    write_secret_module(folder)
    return catalog.load([folder.parent])


def given(name: str, key: str = "word") -> dict[str, Any]:
    secrets = {"login": {"given": {"password": {"name": name, "key": key}}}}
    return {"modules": {"told": {"enabled": True, "secrets": secrets}}}


def refusals(release: Catalog, spec: dict[str, Any], namespace: str = NAMESPACE) -> list[str]:
    configuration = Configuration(name="x", namespace=namespace, spec=Spec.model_validate(spec))
    return [finding.path for finding in release.check(configuration)]


OWN = ("slipway-site", "slipway-registry", "slipway-host-keys", "slipway-encryption", "slipway-made")


@pytest.mark.parametrize("namespace", [NAMESPACE, TEAM])
@pytest.mark.parametrize("name", OWN)
def test_no_module_is_given_slipways_own(name: str, namespace: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read.parse_spec(given(name, "key"), name="x", namespace=namespace)
    assert [finding.path for finding in refused.value.findings] == [
        "spec.modules.told.secrets.login.given.password.name"
    ]


@pytest.mark.parametrize("namespace", [NAMESPACE, TEAM])
def test_no_module_is_given_the_key_of_all_hosts(release: Catalog, namespace: str) -> None:
    path = "spec.modules.told.secrets.login.given.password.name"
    assert refusals(release, given("ssh", "key"), namespace) == [path]
    assert refusals(release, given("page"), namespace) == []


def test_what_a_module_is_given_may_have_any_form_and_stops_no_other_step() -> None:
    """A licence has many lines, and a team's Secret is not where the cluster's are."""
    spec = read.parse_spec(given("page"), name="x").spec
    assert list(form_findings(spec, MappedSecrets({"page/word": b"two\nlines"}))) == []
    assert list(form_findings(spec, MappedSecrets({}))) == []


def test_no_module_is_given_what_opens_hosts_or_the_registry(release: Catalog) -> None:
    registry = {
        "mode": "external",
        "endpoint": "https://mirror.example.org",
        "pullRef": {"name": "mirror", "key": "pull"},
        "pushRef": {"name": "pusher", "key": "push"},
    }
    for name in ("mirror", "pusher"):
        assert refusals(release, {"registry": registry, **given(name)})
    edge = {"hosts": {"ssh": {"secretRef": {"name": "edge", "key": "id"}}}}
    hosts = model.document(edge, {"network": None})["spec"]
    parsed = read.parse_spec({**hosts, **given("edge")}, name="site")
    found = [finding.path for finding in release.check(parsed) if ".secrets." in finding.path]
    assert found == ["spec.modules.told.secrets.login.given.password.name"]


def test_what_was_made_for_another_module_has_no_name_that_can_be_given() -> None:
    with pytest.raises(ConfigurationError):
        read.parse_spec(given("slipway-made.other.login"), name="x")


@pytest.mark.parametrize("field", ["name", "key"])
@pytest.mark.parametrize("value", ["../ssh", "team-b/page", "{{ x }}", "ssh/id_ed25519", "", ".."])
def test_a_name_is_a_name(field: str, value: str, tmp_path: Path) -> None:
    wanted = {"name": "page", "key": "word", field: value}
    spec = given(wanted["name"], wanted["key"])
    try:
        read.parse_spec(spec, name="x")
    except ConfigurationError:
        return
    # Two dots are a key of a Secret as the API takes it; as a file of the store they lead nowhere.
    store = context(tmp_path / "kubeconfig", "site", tmp_path).secrets
    assert (field, value) == ("key", "..")
    assert not store.exists("page/..")


def test_a_team_is_given_secrets_of_its_own_namespace_alone(release: Catalog, tmp_path: Path) -> None:
    spec = Spec.model_validate(given("page"))
    team = Configuration(name="x", namespace=TEAM, spec=spec)
    (request,) = secret_requests(team, release.modules["told"], {"auth": True}, {}).values()
    assert {one.namespace for one in request.given.values()} == {TEAM}

    site = {"slipway-site/key": b"0a" * 32, "page/word": b"the cluster's"}
    mine = _context(tmp_path, team, site)
    mine.own_secrets = MappedSecrets({})
    nothing = Observed(Scope.RECORDS, "")
    assert "page/word" not in secret_digests(mine, nothing)
    mine.own_secrets = MappedSecrets({"page/word": b"the team's"})
    theirs = secret_digests(_context(tmp_path, team, site), nothing)
    assert secret_digests(mine, nothing)["page/word"] != theirs["page/word"]


def _context(directory: Path, configuration: Configuration, secrets: dict[str, bytes]) -> Context:
    made = context(directory / "kubeconfig", "site", directory)
    made.configuration, made.secrets = configuration, MappedSecrets(secrets)
    return made


@pytest.mark.parametrize("name", MARKERS)
def test_no_word_in_settings_or_values_is_a_secret(release: Catalog, name: str) -> None:
    module = release.modules["told"]
    words = {"login": MARKERS[name], "given": {"password": {"name": "ssh", "key": "id_ed25519"}}}
    spec = Spec.model_validate({"modules": {"told": {"enabled": True, "values": words}}})
    configuration = Configuration(name="x", namespace=NAMESPACE, spec=spec)
    (request,) = secret_requests(configuration, module, {"auth": True}, {}).values()
    assert request.given == {}
    assert configuration.module_references == frozenset()
    assert (request.namespace, request.name) == ("told", "told-login")
    (values,) = release.values(module, {}, words, {}).values()
    assert (
        values["login"] == MARKERS[name]
    )  # as it was written: the chart's own affair, and no secret's place


LOGIN = ENTRIES[0]
BAD: dict[str, list[dict[str, Any]]] = {
    "a field that is none": [{**LOGIN, "value": "hunter2"}],
    "a way of making that is none": [{**LOGIN, "keys": {"a": {"make": "fixed"}}}],
    "easy to guess": [{**LOGIN, "keys": {"a": {"make": "text", "length": 8}}}],
    "an alphabet of one letter twice": [{**LOGIN, "keys": {"a": {"make": "text", "alphabet": "aab"}}}],
    "Slipway's own namespace": [{**LOGIN, "secret": {"namespace": NAMESPACE, "name": "slipway-site"}}],
    "a namespace of others": [{**LOGIN, "secret": {"namespace": "kube-system", "name": "x"}}],
    "two of one name": [LOGIN, LOGIN],
    "two in one place": [LOGIN, {**LOGIN, "name": "other"}],
    "no purpose": [{key: value for key, value in LOGIN.items() if key != "purpose"}],
    "no keys": [{**LOGIN, "keys": {}}],
}


@pytest.mark.parametrize("name", BAD)
def test_what_a_module_declares_is_closed_and_typed(name: str, tmp_path: Path) -> None:
    write_secret_module(tmp_path / "told")
    file = tmp_path / "told" / "module.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"secrets": BAD[name]}))
    release = catalog.load([tmp_path])
    assert release.broken["told"].findings
    assert "told" not in release.modules


def test_a_template_asks_for_what_is_declared_alone(tmp_path: Path) -> None:
    for text in ('x: {{ secret("other").name }}', 'x: {{ secret("login").key("other") }}'):
        folder = tmp_path / str(len(list(tmp_path.iterdir()))) / "told"
        write_secret_module(folder)
        (folder / "values.yaml.j2").write_text(text)
        changed = catalog.load([folder.parent])
        with pytest.raises(ConfigurationError):
            changed.values(changed.modules["told"], {}, {}, {})


def test_a_secret_that_only_the_site_gives_is_asked_for(tmp_path: Path) -> None:
    write_secret_module(tmp_path / "told")
    file = tmp_path / "told" / "module.yaml"
    licence = [{**LOGIN, "keys": {"licence": {"make": "given"}}}]
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"secrets": licence}))
    changed = catalog.load([tmp_path])
    asked = "spec.modules.told.secrets.login.given.licence"
    assert refusals(changed, {"modules": {"told": {"enabled": True}}}) == [asked]
    unasked = {"modules": {"told": {"enabled": True, "settings": {"auth": False}}}}
    assert refusals(changed, unasked) == []
    misspelt = {"modules": {"told": {"enabled": True, "secrets": {"logon": {}}, "settings": {"auth": False}}}}
    assert refusals(changed, misspelt) == ["spec.modules.told.secrets.logon"]
