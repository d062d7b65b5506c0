"""Which modules a bundle holds, by profile, for a ClusterConfiguration: offline/profiles.yaml says what each takes."""

from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING

from slipway import yamltext
from slipway.catalog.modules import Group
from slipway.model.bundle import Profile
from slipway.model.configuration import Configuration, ModuleSpec
from slipway.model.fields import Model, Name
from slipway.settings import data_dir

if TYPE_CHECKING:
    from slipway.catalog.catalog import Catalog


class Taken(Model):
    """What a profile takes: modules by name, and all of some groups."""

    modules: tuple[Name, ...] = ()
    groups: tuple[Group, ...] = ()


def modules_of(profiles: Collection[Profile], catalog: "Catalog", configuration: Configuration) -> list[str]:
    """Names, sorted: those enabled, and of the profiles all that is not switched off; with what each requires."""
    specs = configuration.spec.modules
    open_ = [name for name in _named(profiles, catalog) if name not in specs or specs[name].enabled is None]
    modules = {**specs, **dict.fromkeys(open_, ModuleSpec(enabled=True))}
    spec = configuration.spec.model_copy(update={"modules": modules})
    selected = catalog.selection(configuration.model_copy(update={"spec": spec}))
    chosen = {name for name, decision in selected.items() if decision.enabled}
    return sorted(catalog.modules if Profile.FULL in profiles else chosen)


def images_of(
    names: Collection[str],
    profiles: Collection[Profile],
    catalog: "Catalog",
    configuration: Configuration,
    *,
    all_of: Collection[str] = (),
) -> set[str]:
    """Images of these modules: of those that are enabled what their settings ask for, of all others whatever may run.

    Whoever names a module by a profile, or in `all_of`, wants to set it later as he likes.
    """
    selected = catalog.selection(configuration)
    whole = {*all_of, *_named(profiles, catalog), *(catalog.modules if Profile.FULL in profiles else ())}
    found = set[str]()
    for name in names:
        asked = name not in whole and selected[name].enabled
        found.update(catalog.images_for(configuration, name) if asked else catalog.named(name).images)
    return found


def _named(profiles: Collection[Profile], catalog: "Catalog") -> list[str]:
    """The modules that the profiles name, by themselves or by their groups."""
    named = [profile for profile in profiles if profile not in {Profile.MINIMAL, Profile.FULL}]
    taken = [in_profile(profile) for profile in {*named, *([Profile.BASE] if named else ())}]
    names = {name for one in taken for name in one.modules}
    groups = {group for one in taken for group in one.groups}
    return [name for name, module in catalog.modules.items() if name in names or module.group in groups]


@cache
def in_profile(profile: Profile) -> Taken:
    """What the file says of it."""
    data = yamltext.load((data_dir() / "offline" / "profiles.yaml").read_bytes())
    return Taken.model_validate(data[str(profile)])
