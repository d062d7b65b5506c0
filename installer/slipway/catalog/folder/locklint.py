"""What is wrong with a module's lock.yaml: images of no release, digests of images that nobody declares."""

from collections.abc import Iterator

from slipway.catalog.images.names import parse
from slipway.catalog.modules import Module
from slipway.errors import Finding
from slipway.findings import FindingCode


def lock_findings(module: Module) -> Iterator[Finding]:
    """Of an image that upstream's release would have named otherwise, and of a digest for which there is no image."""
    if not module.lock:
        return
    for index, image in enumerate(module.lock.images):
        if problem := _unreleased(image):
            hint = (
                "set it as upstream's release does, in the overlay (`images`) or the values, and lock again"
            )
            yield Finding(f"images[{index}]", problem, hint=hint, code=FindingCode.BAD_VALUE)
    for index, one in enumerate(module.lock.digests):
        if one.image not in module.images:
            hint = f"slipway catalog lock {module.name} takes it out"
            text = f"{one.image} is not declared any more"
            yield Finding(f"digests[{index}]", text, hint=hint, code=FindingCode.UNUSED)


def _unreleased(image: str) -> str:
    """Why an image is none of a release; empty: nothing is to be seen of that."""
    name = parse(image)
    if name.staging:
        return f"{image} is of a staging registry, which upstream's release replaces"
    return f"{image} is what a branch has today, and no release" if name.of_branch else ""
