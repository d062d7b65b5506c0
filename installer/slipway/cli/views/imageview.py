"""How `slipway catalog verify` looks: one line per module, then what is wrong, image by image."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from slipway.catalog.images.faults import Fault
from slipway.catalog.images.found import ImagePlace
from slipway.cli.views.output import aligned, colour
from slipway.engine.enquiry.images import Checked
from slipway.errors import ERROR, WARNING

#: A chart with an image in many templates is understood after a few of them.
PLACES = 5


def images_text(checked: Sequence[Checked]) -> str:
    """The whole screen."""
    rows = [("MODULE", "CHART", "IMAGES", "PULLED", "RENDERED", "VERDICT"), *map(_row, checked)]
    head, *lines = aligned(rows)
    text = [colour(head, "bold"), *lines]
    faults = [fault for module in checked for fault in module.faults]
    for _, group in groupby(faults, lambda fault: (fault.module, fault.image)):
        text += ["", *_about(list(group))]
    # Once each, as preflight does it.
    hints = dict.fromkeys(f"{fault.code}: {fault.hint}" for fault in faults)
    text += ["", *hints] if hints else []
    return "\n".join([*text, "", _sum(faults)])


def _row(module: Checked) -> tuple[str, ...]:
    times = "once" if module.values == 1 else f"{module.values} times"
    rendered = times if module.values else "no"
    charts = ", ".join(module.charts) or "-"
    runtime = len(module.runtime_images)
    images = f"{len(module.images)}" + (f" + {runtime} at run time" if runtime else "")
    pulled = str(len(module.pulled) or "-")
    return module.module, charts, images, pulled, rendered, _counted(module.faults) or "right"


def _about(faults: Sequence[Fault]) -> Iterator[str]:
    """All that is wrong with one image, and where it stands."""
    first = faults[0]
    yield colour(f"{first.module}: {first.image}" if first.image else first.module, "bold")
    for fault in faults:
        yield f"  {_severity(fault)} {fault.code}: {fault.problem}"
    places = list(dict.fromkeys(place for fault in faults for place in fault.places))
    for place in places[:PLACES]:
        yield f"  at       {place.chart}, {place.template}: {place.object}"
        yield f"           field  {place.field}"
        yield f"           values {_values(place)}"
    if len(places) > PLACES:
        yield f"           and {len(places) - PLACES} places more (-o json has them all)"


def _values(place: ImagePlace) -> str:
    return ", ".join(place.values) or "none found: the template itself may say so"


def _severity(fault: Fault) -> str:
    return colour(fault.severity.ljust(8), "red" if fault.severity is ERROR else "yellow")


def _sum(faults: Sequence[Fault]) -> str:
    errors = any(fault.severity is ERROR for fault in faults)
    if not faults:
        return colour("every image that a chart refers to is declared, and no other", "green")
    return colour(_counted(faults), "red" if errors else "yellow")


def _counted(faults: Iterable[Fault]) -> str:
    severities = [fault.severity for fault in faults]
    counts = ((severities.count(severity), severity) for severity in (ERROR, WARNING))
    return ", ".join(f"{count} {word}{'s' if count > 1 else ''}" for count, word in counts if count)
