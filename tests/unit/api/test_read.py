"""Reading files: lines in messages, the envelope, what YAML itself hides, and the way back to plain data."""

from pathlib import Path

import pytest
import yaml

from slipway.api import read
from slipway.errors import ConfigurationError
from slipway.settings import data_dir

SAMPLES = sorted(data_dir().glob("inventories/*/cluster.yaml"))
HEAD = "apiVersion: installer.slipway.dev/v1alpha1\nkind: ClusterConfiguration\nmetadata: {name: test}\n"


def _refused(tmp_path: Path, text: str) -> ConfigurationError:
    path = tmp_path / "cluster.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        read.load(path)
    assert caught.value.exit_code == 3
    return caught.value


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.parent.name)
def test_samples_load_and_survive_the_way_back(sample: Path) -> None:
    configuration = read.load(sample)
    assert read.parse(read.resource(configuration)) == configuration
    assert read.dump(configuration) == read.document(sample)["spec"]


def test_there_are_samples() -> None:
    assert {path.parent.name for path in SAMPLES} >= {"all-in-one", "demo", "ha"}


def test_a_finding_knows_its_line(tmp_path: Path) -> None:
    error = _refused(
        tmp_path, HEAD + "spec:\n  registry:\n    prot: 5000\n  modules:\n    a: {enabled: maybe}\n"
    )
    assert [(one.path, one.line) for one in error.findings] == [
        ("spec.registry.prot", 6),
        ("spec.modules.a.enabled", 8),
    ]
    assert "line 6: spec.registry.prot: there is no such field" in str(error)
    assert "did you mean port?" in str(error)


def test_a_missing_field_points_at_what_lacks_it(tmp_path: Path) -> None:
    error = _refused(tmp_path, HEAD + "spec:\n  kubernetes:\n    version: v1.35.4\n")
    assert [(one.path, one.line) for one in error.findings] == [("spec.kubernetes.endpoint", 5)]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("roles: [control-plane]", "roles: [control-plane], labels: {a: b}", "did you mean settings.labels?"),
        ("  hosts:", "\thosts:", "found a tab: indent with blanks"),
        (
            "roles: [control-plane]",
            "roles: [@all]",
            "found '@', with which no value begins: put the value in quotes",
        ),
    ],
)
def test_usual_slips_are_told_with_what_to_write(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = (data_dir() / "inventories" / "demo" / "cluster.yaml").read_text()
    assert old in text
    error = _refused(tmp_path, text.replace(old, new, 1))
    assert says in str(error.findings[0])


def test_a_key_twice_is_refused(tmp_path: Path) -> None:
    error = _refused(tmp_path, HEAD + "spec:\n  registry: {port: 5000}\n  registry: {port: 5005}\n")
    assert error.findings[0].line == 6
    assert "'registry' is there twice" in str(error)


def test_a_key_without_value_is_refused(tmp_path: Path) -> None:
    error = _refused(tmp_path, HEAD + "spec:\n  modules:\n    flannel:\n")
    assert [(one.path, one.line) for one in error.findings] == [("spec.modules.flannel", 6)]
    assert "has no value" in str(error)


def test_the_envelope(tmp_path: Path) -> None:
    text = "apiVersion: installer.slipway.dev/v2\nkind: Cluster\nmetadata: {nam: x}\nspce: {}\nspec: {}\n"
    error = _refused(tmp_path, text)
    assert {(one.path, one.code) for one in error.findings} == {
        ("spce", "unknown-field"),
        ("apiVersion", "bad-value"),
        ("kind", "bad-value"),
        ("metadata.nam", "unknown-field"),
        ("metadata.name", "missing-field"),
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "one ClusterConfiguration, a map"),
        ("- a\n", "a list"),
        ("a: [\n", "is not valid YAML"),
        ("a: 1\n---\nb: 2\n", "is not valid YAML"),
        ("a: !!python/object:os.system x\n", "is not valid YAML"),
        (HEAD, "spec: is missing"),
        (HEAD + "spec: [1]\n", "spec: is a list"),
        (HEAD.replace("name: test", "name: Test") + "spec: {}\n", "metadata.name: is 'Test'"),
    ],
)
def test_no_configuration_at_all(tmp_path: Path, text: str, says: str) -> None:
    assert says in str(_refused(tmp_path, text))


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read.load(tmp_path / "none.yaml")


def test_dates_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text(HEAD + "spec:\n  modules:\n    a: {settings: {since: 2026-01-02, none: null}}\n")
    assert read.load(path).spec.modules["a"].settings == {"since": "2026-01-02", "none": None}


def test_generation_and_namespace_come_from_the_cluster() -> None:
    document = {
        "apiVersion": "installer.slipway.dev/v1alpha1",
        "kind": "ClusterConfiguration",
        "metadata": {"name": "a", "namespace": "team", "generation": 7, "uid": "1", "managedFields": []},
        "spec": {},
        "status": {"phase": "Ready"},
    }
    configuration = read.parse(document)
    assert (configuration.namespace, configuration.generation) == ("team", 7)
    assert read.parse(document, generation=8).generation == 8


def test_the_name_whose_lease_is_that_of_the_operators_is_taken() -> None:
    for parse in (
        lambda: read.parse(yaml.safe_load(HEAD.replace("name: test", "name: operator") + "spec: {}\n")),
        lambda: read.parse_spec({}, name="operator"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            parse()
        (finding,) = caught.value.findings
        assert (finding.path, finding.code) == ("metadata.name", "reserved-name")
        assert "slipway-operator is the Lease of the operators" in finding.problem
