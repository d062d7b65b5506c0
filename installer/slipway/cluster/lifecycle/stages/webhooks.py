"""Webhooks that the API server has to reach: whose they are, and whether anything answers behind them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from slipway.cluster.lifecycle.attempts import DEFINITION
from slipway.cluster.rest.client import Client, Object
from slipway.errors import StepError
from slipway.model.record import ObjectRef

_ADMISSION: Final = "admissionregistration.k8s.io/v1"
_CONFIGURATIONS: Final = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
_SLICES: Final = ("discovery.k8s.io/v1", "EndpointSlice")
#: By the API server, in all words that it has for a webhook of admission that does not answer.
_CALLED: Final = re.compile(r'failed calling webhook "([^"]+)"')
#: And for one that converts between versions of a kind.
_CONVERTED: Final = re.compile(r"conversion webhook for ([^,\s]+), Kind=(\w+) failed")


@dataclass(frozen=True, slots=True)
class Webhook:
    """One place that the API server asks."""

    name: str
    """In the API server's words: of an admission webhook its name, of a conversion KIND of API."""
    owner: str
    """KIND NAME of the object that tells the API server to ask."""
    service: str
    """NAMESPACE/NAME of what is behind it; empty where it is a URL."""
    trusted: bool
    """Whether its certificate's authority is set."""
    binding: bool = True
    """Whether nothing goes through while it is silent."""

    def __str__(self) -> str:
        """As it is named to people."""
        return f"webhook {self.name} of {self.owner}"


def webhooks_of(obj: Object) -> Iterator[Webhook]:
    """Those that an object names, if it is one that does."""
    owner = f"{obj['kind']} {obj['metadata']['name']}"
    if obj["kind"] in _CONFIGURATIONS:
        for one in obj.get("webhooks") or ():
            binding = one.get("failurePolicy", "Fail") == "Fail"
            yield _webhook(one["name"], owner, one["clientConfig"], binding=binding)
    elif obj["kind"] == DEFINITION[1]:
        conversion = obj["spec"].get("conversion") or {}
        client = (conversion.get("webhook") or {}).get("clientConfig")
        if conversion.get("strategy") == "Webhook" and client:
            yield _webhook(f"that converts {obj['spec']['names']['kind']}", owner, client)


def _webhook(name: str, owner: str, client: Mapping[str, Any], *, binding: bool = True) -> Webhook:
    service = client.get("service") or {}
    place = f"{service['namespace']}/{service['name']}" if service else ""
    return Webhook(name, owner, place, bool(client.get("caBundle")), binding)


def silent_webhooks(client: Client, refs: Iterable[ObjectRef]) -> dict[str, str]:
    """Of the webhooks that these objects name and that must answer, those that cannot: each with its reason."""
    found: dict[str, str] = {}
    for ref in refs:
        if ref.kind not in _CONFIGURATIONS and (ref.api_version, ref.kind) != DEFINITION:
            continue
        obj = client.get(ref.api_version, ref.kind, ref.name)
        for one in webhooks_of(obj) if obj else ():
            if one.binding and (reason := silence(client, one)):
                found[str(one)] = reason
    return found


def silence(client: Client, webhook: Webhook) -> str:
    """Why it cannot answer; empty where nothing is known against it."""
    if not webhook.service:
        return ""
    if not webhook.trusted:
        return "its caBundle is not set yet"
    namespace, _, name = webhook.service.partition("/")
    if client.get("v1", "Service", name, namespace) is None:
        return f"there is no service {webhook.service}"
    slices = client.list(*_SLICES, namespace, labels=f"kubernetes.io/service-name={name}")
    endpoints = [one for part in slices for one in part.get("endpoints") or ()]
    if not any((one.get("conditions") or {}).get("ready", True) for one in endpoints):
        return f"service {webhook.service} has no endpoint that is ready"
    return ""


def with_webhooks_named(client: Client, error: StepError) -> StepError:
    """The same error; where a webhook did not answer, it says which object names it, and what is wrong."""
    text = f"{error.what} {error.why}"
    called, converted = set(_CALLED.findall(text)), set(_CONVERTED.findall(text))
    if not called and not converted:
        return error
    try:
        found = [*_called(client, called), *_converting(client, converted)]
        said = [f"{one}: {silence(client, one) or 'its service does not answer'}" for one in found]
    except StepError:  # the API itself is away: the first error says so
        return error
    if said:
        error.why = f"{error.why} ({'; '.join(said)})"
        owners = " or ".join(dict.fromkeys(one.owner for one in found))
        error.hint = (
            f"see the pods behind it; where what served it is gone for good, delete {owners}, then run again"
        )
    return error


def _called(client: Client, names: set[str]) -> Iterator[Webhook]:
    for kind in _CONFIGURATIONS if names else ():
        for item in client.list(_ADMISSION, kind):
            yield from (one for one in webhooks_of(item) if one.name in names)


def _converting(client: Client, kinds: set[tuple[str, str]]) -> Iterator[Webhook]:
    wanted = {(api.partition("/")[0], kind) for api, kind in kinds}
    for item in client.list(*DEFINITION) if wanted else ():
        if (item["spec"]["group"], item["spec"]["names"]["kind"]) in wanted:
            yield from webhooks_of(item)
