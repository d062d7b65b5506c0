"""Secrets that are not where they were, and a name that is not the cluster's: told before anything is made anew."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from slipway.api import read
from slipway.bundle.registry.client import RegistryError
from slipway.engine.context import Context, open_context
from slipway.engine.prepare import _kin
from slipway.errors import ConfigurationError
from slipway.planning.preflight import preflight
from slipway.secrets import SITE_KEY, site_id
from slipway.settings import Workspace
from tests.unit.planning import model


def workspace(folder: Path, *, name: str = "site") -> Workspace:
    """A cluster.yaml that was never applied."""
    file = folder / "cluster.yaml"
    document = model.base()
    document["metadata"]["name"] = name
    file.write_text(yaml.safe_dump(document))
    return Workspace(file, name)


def installed(folder: Path) -> Workspace:
    """What an install leaves: secrets, and a kubeconfig."""
    made = workspace(folder)
    open_context(made.configuration)
    made.kubeconfig.write_text("of the cluster")
    return made


def test_secrets_of_a_cluster_that_is_there_are_not_made_anew(tmp_path: Path) -> None:
    made = installed(tmp_path)
    shutil.rmtree(made.secrets)
    context = open_context(made.configuration)
    with pytest.raises(ConfigurationError) as caught:
        context.secrets.read(SITE_KEY)
    assert caught.value.where == str(made.secrets)
    assert SITE_KEY in caught.value.why
    assert "SLIPWAY_SECRETS" in caught.value.hint
    assert not made.secrets.exists()


def test_a_registry_that_shows_another_certificate_was_made_with_other_secrets(tmp_path: Path) -> None:
    """On a machine that has neither the secrets nor the kubeconfig of the cluster."""
    context = open_context(workspace(tmp_path).configuration)

    def verified() -> Any:
        raise RegistryError(
            "tls", "the certificate is not trusted", where="https://r", hint="name the authority"
        )

    context.source = SimpleNamespace(verified=verified)  # type: ignore[assignment]
    with pytest.raises(RegistryError) as caught:
        assert context.manifest
    assert "secrets/ has others" in caught.value.hint


def test_a_cluster_under_another_name_is_told_by_its_name(tmp_path: Path) -> None:
    installed(tmp_path)
    context: Context = open_context(workspace(tmp_path, name="stie").configuration)
    assert _kin(context) == {site_id(context.secrets, "site"): "site"}
    configuration, observed = read.parse(model.base()), model.installed(model.base())
    observed = replace(observed, kin={observed.site: "site"}, site="5170000000000001")
    plan = model.planned(model.base(), observed)
    found = [
        one for one in preflight(configuration, model.bundle(), observed, plan, {}) if one.code == "foreign"
    ]
    assert len(found) == 3
    assert found[0].problem == "belongs to the cluster site, whose state and secrets are these"
    assert found[0].hint.startswith("put metadata.name back to site")
