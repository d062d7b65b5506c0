"""`slipway init`."""

from typing import Annotated

import typer

from slipway.cli.views.output import DEFAULT_FILE, ConfigurationFile
from slipway.errors import ConfigurationError
from slipway.landing import land

app = typer.Typer()


@app.command(epilog="Example: slipway init --hosts 10.0.0.11,10.0.0.12,10.0.0.13 --user ops")
def init(
    hosts: Annotated[str, typer.Option("--hosts", help="Addresses, the first is the control plane.")],
    file: ConfigurationFile = DEFAULT_FILE,
    name: Annotated[str, typer.Option("--name", help="Name of the cluster.")] = "production",
    user: Annotated[str, typer.Option("--user", help="SSH user.")] = "root",
    control_planes: Annotated[int, typer.Option("--control-planes", help="1 or 3.")] = 1,
) -> None:
    """Write a first ClusterConfiguration for these servers; it can be applied as it is."""
    from slipway import catalog
    from slipway.api import read

    if file.exists():
        raise ConfigurationError(f"{file} exists already", hint="choose another file with -f")
    version = catalog.load().versions.kubernetes
    text = minimal_document(
        name, version, user, [a.strip() for a in hosts.split(",") if a.strip()], control_planes
    )
    land(file, text)
    try:
        read.load(file)
    except ConfigurationError:
        file.unlink()
        raise
    print(f"wrote {file}; put the SSH key into {file.parent / 'secrets/ssh/id_ed25519'} (mode 0600), then:")
    print(f"  slipway bundle build -f {file} -o bundle && slipway install -f {file} --bundle bundle")


def minimal_document(name: str, version: str, user: str, addresses: list[str], control_planes: int) -> str:
    """The text of a minimal ClusterConfiguration."""
    items = []
    for number, address in enumerate(addresses):
        plane = number < control_planes
        host = f"cp-{number + 1:02}" if plane else f"worker-{number + 1 - control_planes:02}"
        alone = plane and len(addresses) == control_planes
        roles = "[control-plane, worker]" if alone else "[control-plane]" if plane else "[worker]"
        items.append(f"      - {{name: {host}, address: {address}, roles: {roles}}}")
    return f"""\
apiVersion: installer.slipway.dev/v1alpha1
kind: ClusterConfiguration
metadata: {{name: {name}, namespace: slipway-system}}
spec:
  kubernetes:
    version: {version}
    endpoint: {{address: api.{name}.internal, port: 6443}}
  hosts:
    ssh: {{user: {user}}}
    items:
{chr(10).join(items)}
  modules:
    flannel: {{enabled: true}}
    metrics-server: {{enabled: true}}
    local-path-provisioner: {{enabled: true}}
    operator: {{enabled: true}}
"""
