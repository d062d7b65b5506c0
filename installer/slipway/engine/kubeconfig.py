"""The administrator's kubeconfig: fetched from a control plane, pointed at an address this machine can reach."""

from collections.abc import Callable
from pathlib import Path

from slipway import yamltext
from slipway.engine.context import Context
from slipway.errors import SlipwayError
from slipway.landing import PRIVATE, land, real
from slipway.probe.fleet import Fleet

ADMIN_CONF = "/etc/kubernetes/admin.conf"


def fetch_kubeconfig(context: Context, note: Callable[[SlipwayError], None] = lambda _error: None) -> bool:
    """Fetch it from the first control plane that has one; whether there was any. `note` hears why one gave none."""
    from slipway.probe.hosts import fetch_file

    kubernetes = context.configuration.spec.kubernetes
    if context.kubeconfig is None or kubernetes is None:
        return False
    for host in context.configuration.control_planes:
        try:
            with Fleet([host], context.access()) as fleet:
                text = fetch_file(fleet.sessions[host.name], ADMIN_CONF)
        except SlipwayError as error:
            note(error)
            continue
        server = f"https://{host.address}:{kubernetes.endpoint.port}"
        write_private(context.kubeconfig, pointed_at(text, server))
        context.forget_client()
        return True
    return False


def usable_kubeconfig(context: Context) -> Path | str:
    """Path of the kubeconfig for programs that we start; empty inside a pod, whose own account they use."""
    if context.kubeconfig is None:
        return ""
    if not context.kubeconfig.exists():
        fetch_kubeconfig(context)
    return real(context.kubeconfig)


def pointed_at(kubeconfig: bytes, server: str) -> bytes:
    """The same kubeconfig with another server: the endpoint's name is known only inside the site."""
    content = yamltext.load(kubeconfig, strict=False)
    for cluster in content["clusters"]:
        cluster["cluster"]["server"] = server
    return yamltext.dump(content).encode()


def write_private(path: Path, content: bytes) -> None:
    """Replace a file at once, mode 0600."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    land(path, content, mode=PRIVATE)
