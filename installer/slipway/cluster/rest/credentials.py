"""A kubeconfig's credentials, or the pod's own, for the kubernetes library's client. For `transport` alone.

The library's package imports OAuth, requests, websockets and informers whole: a quarter of a second of CPU in every
command and every Ansible run. Slipway's kubeconfigs hold certificates or tokens and need none of it, so the client is
imported without its package. A kubeconfig with anything else (exec plugins, say) is the library's own to read.
"""

import base64
import os
import sys
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from slipway.smallfiles import bytes_of

if TYPE_CHECKING:
    from kubernetes.client import Configuration

_BARE = ("kubernetes", "kubernetes.config")
_CLUSTER = frozenset({"server", "certificate-authority", "certificate-authority-data"})
_USER = frozenset({"client-certificate", "client-certificate-data", "client-key", "client-key-data", "token"})


class UnusableCredentialsError(Exception):
    """Why there are none."""


def import_library() -> None:
    """Import the library's client, and as little else as possible. Safe to call again."""
    for name in _BARE:
        spec = None if name in sys.modules else find_spec(name)
        if spec:
            package = ModuleType(name)
            package.__spec__, package.__path__ = spec, list(spec.submodule_search_locations or ())
            sys.modules[name] = package
    import kubernetes.client.api_client  # noqa: F401


def load_credentials(configuration: "Configuration", kubeconfig: Path | None) -> None:
    """Put host, authority and account into the library's configuration.

    Raises:
        UnusableCredentialsError: with the reason.
    """
    if kubeconfig is None:
        _pod(configuration)
    elif not _simple(configuration, kubeconfig):
        _whole(configuration, kubeconfig)


def _pod(configuration: "Configuration") -> None:
    """The ServiceAccount's token, read again before it expires."""
    from kubernetes.config import incluster_config
    from kubernetes.config.config_exception import ConfigException

    try:
        incluster_config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except (ConfigException, OSError) as exc:
        raise UnusableCredentialsError(str(exc)) from exc


def _simple(configuration: "Configuration", kubeconfig: Path) -> bool:
    """Read a kubeconfig of certificates and tokens; False where it has more than that."""
    from slipway import yamltext

    try:
        data = yamltext.load(bytes_of(kubeconfig), strict=False)
        context = _named(data, "context", data["current-context"])
        cluster, user = _named(data, "cluster", context["cluster"]), _named(data, "user", context["user"])
        if not (cluster.keys() <= _CLUSTER and user.keys() <= _USER):
            return False
        configuration.host = cluster["server"].rstrip("/")
        configuration.ssl_ca_cert = _path(cluster, "certificate-authority", kubeconfig)
        configuration.cert_file = _path(user, "client-certificate", kubeconfig)
        configuration.key_file = _path(user, "client-key", kubeconfig)
        if user.get("token"):
            configuration.api_key["BearerToken"] = f"Bearer {user['token']}"
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as exc:
        raise UnusableCredentialsError(f"{type(exc).__name__}: {exc}") from exc
    return True


def _named(data: Mapping[str, Any], kind: str, name: str) -> Mapping[str, Any]:
    """An entry of one of a kubeconfig's three lists."""
    for item in data[f"{kind}s"]:
        if item["name"] == name:
            found: Mapping[str, Any] = item[kind]
            return found
    raise KeyError(f"{kind} {name}")


def _path(entry: Mapping[str, Any], field: str, kubeconfig: Path) -> str | None:
    """The file of a field: its data written to one, or the one that it names."""
    if text := entry.get(f"{field}-data"):
        return _file(text)
    return str(kubeconfig.parent / entry[field]) if entry.get(field) else None


def _file(text: str) -> str:
    """The file of a field's data."""
    return _file_of(base64.b64decode(text, validate=True))


def _library_file(content: str | bytes, *_: object, **__: object) -> str:
    """In place of the library's file below /tmp: of a kubeconfig's data, and of what its programs answer."""
    return _file_of(content.encode() if isinstance(content, str) else content)


@cache
def _file_of(content: bytes) -> str:
    """TLS libraries want files: this one lies in memory and ends with the process, however that ends."""
    descriptor = os.memfd_create("slipway-credential")
    os.fchmod(descriptor, 0o600)
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(content)
    return f"/proc/self/fd/{descriptor}"


def _whole(configuration: "Configuration", kubeconfig: Path) -> None:
    """By the library's own reader, with all that it imports; its files are ours too, which no kill leaves behind."""
    if not hasattr(sys.modules["kubernetes.config"], "load_kube_config"):
        del sys.modules["kubernetes.config"]
    from kubernetes import config
    from kubernetes.config import kube_config

    kube_config._create_temp_file_with_content = _library_file  # noqa: SLF001 - there is no other way
    try:
        config.load_kube_config(  # type: ignore[no-untyped-call]
            str(kubeconfig), client_configuration=configuration, persist_config=False
        )
    except (config.ConfigException, OSError) as exc:
        raise UnusableCredentialsError(str(exc)) from exc
