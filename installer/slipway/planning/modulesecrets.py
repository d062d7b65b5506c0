"""Secrets of modules in a plan: by name, by rotation, and by HMACs of what the site gives. No value comes here."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from slipway.catalog import Fate, Module, Removal
from slipway.catalog.secrets import applying_secrets
from slipway.model.configuration import Configuration, ModuleSpec
from slipway.model.modulesecrets import GivenKey, ModuleSecret, SecretEntry, SecretRequest
from slipway.model.plan import Because, Hold, Reason
from slipway.model.record import ModuleRecord
from slipway.planning.digests import PART_DIGITS, digest
from slipway.settings import MADE_SECRET_PREFIX, NAMESPACE

#: The input of a module's step in which they are, by entry.
INPUT: Final = "module_secrets"


def secret_requests(
    configuration: Configuration, module: Module, settings: Mapping[str, Any], secrets: Mapping[str, str]
) -> dict[str, SecretRequest]:
    """The secrets that these settings (with defaults) ask for. `secrets`: NAME/KEY -> HMAC of what the site has."""
    said = configuration.spec.modules.get(module.name, ModuleSpec()).secrets
    return {
        entry.name: _request(configuration, entry, said.get(entry.name, ModuleSecret()), secrets)
        for entry in applying_secrets(module, settings)
    }


def _request(
    configuration: Configuration, entry: SecretEntry, said: ModuleSecret, secrets: Mapping[str, str]
) -> SecretRequest:
    given = {
        key: GivenKey(namespace=configuration.namespace, name=ref.name, key=ref.key)
        for key, ref in sorted(said.given.items())
    }
    seen = {key: [ref.name, ref.key, secrets.get(_reference(ref), "absent")] for key, ref in given.items()}
    content = {"rotation": said.rotation, "given": seen}
    return SecretRequest(
        entry=entry.name,
        namespace=entry.secret.namespace,
        name=entry.secret.name,
        keys=entry.keys,
        given=given,
        rotation=said.rotation,
        version=digest(content, {}).removeprefix("sha256:")[:PART_DIGITS],
    )


def _reference(ref: GivenKey) -> str:
    return f"{ref.name}/{ref.key}"


def missing_hold(
    module: str, requests: Mapping[str, SecretRequest], secrets: Mapping[str, str]
) -> Hold | None:
    """What holds a module back that the site is to give a secret which it does not have."""
    for one in requests.values():
        for key, ref in one.given.items():
            if _reference(ref) not in secrets:
                kubectl = (
                    f"kubectl -n {ref.namespace} create secret generic {ref.name} --from-file={ref.key}=FILE"
                )
                own = (
                    f"create secrets/{_reference(ref)} with mode 0600, or "
                    if ref.namespace == NAMESPACE
                    else ""
                )
                return Hold(
                    f"module {module} is to be given a secret that is not there",
                    f"spec.modules.{module}.secrets.{one.entry}.given.{key}",
                    f"there is no {_reference(ref)} in namespace {ref.namespace}",
                    f"{own}{kubectl}; then: slipway apply",
                )
    return None


def secret_reason(module: str, entry: str, record: ModuleRecord | None, inputs: Mapping[str, Any]) -> Reason:
    """Why a module has a step for one of its secrets."""
    path = f"spec.modules.{module}.secrets.{entry}"
    wanted = inputs.get(INPUT, {}).get(entry)
    known = next((one for one in record.secrets if one.entry == entry), None) if record else None
    if wanted and known and known.rotation != wanted["rotation"]:
        text = f"its secret {entry} is made anew, and what takes it restarts: {path}.rotation is {wanted['rotation']}"
        return Reason(Because.FIELD, text, f"{path}.rotation")
    if wanted and known and known.version != wanted["version"]:
        return Reason(Because.FIELD, f"its secret {entry} is another one, and what takes it restarts", path)
    return Reason(Because.FIELD, f"its secret {entry} changed", path)


def kept_reasons(record: ModuleRecord, policy: Removal) -> Iterator[Reason]:
    """What a removal leaves of secrets that were made."""
    kept = [
        f"{NAMESPACE}/{MADE_SECRET_PREFIX}{record.name}.{one.entry}" for one in record.secrets if one.made
    ]
    if kept and policy.data is not Fate.DELETE:
        yield Reason(Because.EFFECT, f"keeps Secret {', '.join(kept)}: enabled again, it has the same")
