"""Which modules a bundle holds: by profile, for a ClusterConfiguration. The lists are in offline/profiles.yaml."""

from functools import cache
from typing import TYPE_CHECKING

from slipway import yamltext
from slipway.model.bundle import Profile
from slipway.model.configuration import Configuration, ModuleSpec
from slipway.settings import data_dir

if TYPE_CHECKING:
    from slipway.catalog.catalog import Catalog


def modules_of(profile: Profile, catalog: "Catalog", configuration: Configuration) -> list[str]:
    """Names, sorted; with each module what it requires, as an apply would enable it."""
    if profile is Profile.FULL:
        return sorted(catalog.modules)
    specs = configuration.spec.modules
    further = listed(profile) if profile is Profile.AI else ()
    open_ = [name for name in further if name not in specs or specs[name].enabled is None]
    modules = {**specs, **dict.fromkeys(open_, ModuleSpec(enabled=True))}
    spec = configuration.spec.model_copy(update={"modules": modules})
    selected = catalog.selection(configuration.model_copy(update={"spec": spec}))
    return sorted(name for name, decision in selected.items() if decision.enabled)


@cache
def listed(profile: Profile) -> tuple[str, ...]:
    """What the file says."""
    data = yamltext.load((data_dir() / "offline" / "profiles.yaml").read_bytes())
    return tuple(data[str(profile)])
