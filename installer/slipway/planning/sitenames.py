"""Names under which the site registry holds images: for runtimes that cannot be told to ask it for other names."""

from urllib.parse import urlsplit

from slipway.model.bundle import ArtifactKind, BundleManifest
from slipway.model.configuration import Configuration
from slipway.model.host.items import Host

DOCKER_HUB = "docker.io"
#: What Docker Hub also answers to.
DOCKER_HUB_TOO = "index.docker.io"


def has_docker(configuration: Configuration) -> bool:
    """Whether the container runtime of some host is Docker."""
    return "docker" in configuration.runtimes


def site_registry(configuration: Configuration) -> str:
    """The site registry as image names begin with it: `registry.slipway.internal:5000`."""
    registry = configuration.spec.registry
    if registry.mode == "builtin":
        return f"{registry.name}:{registry.port}"
    return urlsplit(registry.endpoint or "").netloc


def site_prefix(configuration: Configuration) -> str:
    """What stands before an image's full name there: the registry, and the project within it; ends with a slash."""
    project = configuration.spec.registry.project
    return f"{site_registry(configuration)}/" + (f"{project}/" if project else "")


def mirrored_names(bundle: BundleManifest) -> list[str]:
    """Every upstream registry whose images the bundle carries under their own names."""
    images = (found.name for found in bundle.artifacts if found.kind is ArtifactKind.IMAGE)
    return sorted({image.split("/", 1)[0] for image in images})


def renamed_registries(configuration: Configuration, bundle: BundleManifest) -> list[str]:
    """Registries whose names are rewritten: those that the site registry answers for on every host.

    One that some host names in its runtime.registries answers for itself there, and keeps its name everywhere.
    """
    own = {found.name for host in configuration.hosts for found in host.settings.runtime.registries}
    return [name for name in mirrored_names(bundle) if name not in own]


def signed_images(configuration: Configuration, bundle: BundleManifest, host: Host) -> dict[str, str]:
    """What a host pulls by the bundle's names -> its one right digest; empty where no key says which bundle is right.

    A registry that the host names in its runtime.registries has its own images under these names, and a name that has
    no tag is a digest already.
    """
    if not configuration.spec.bundle.trusted_keys:
        return {}
    own = {found.name for found in host.settings.runtime.registries}
    found = [
        (full_name(image.reference), image.digest)
        for image in bundle.artifacts
        if image.kind is ArtifactKind.IMAGE and not image.version.startswith("sha256:")
    ]
    named = {name: digest for name, digest in found if name.partition("/")[0] not in own}
    renamed = {site_name(configuration, bundle, name): digest for name, digest in found}
    return {**named, **renamed} if has_docker(configuration) else named


def full_name(image: str) -> str:
    """With the registry and the path that an abbreviated name leaves out: `busybox` is docker.io/library/busybox."""
    first, slash, rest = image.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        first, rest = DOCKER_HUB, image
    elif first == DOCKER_HUB_TOO:
        first = DOCKER_HUB
    if first == DOCKER_HUB and "/" not in rest:
        rest = f"library/{rest}"
    return f"{first}/{rest}"


def site_name(configuration: Configuration, bundle: BundleManifest, image: str) -> str:
    """The image as the site registry holds it; as it is where that does not answer for its registry."""
    full = full_name(image)
    registry = full.partition("/")[0]
    mine = registry in renamed_registries(configuration, bundle) and registry != site_registry(configuration)
    return site_prefix(configuration) + full if mine else image
