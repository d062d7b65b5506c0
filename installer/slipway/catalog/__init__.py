"""What this release of Slipway can install: modules, roles, versions; named by one digest.

`load()` reads it from the checkout, the wheel or further module directories; all else is pure:
`Catalog.check` (is the configuration acceptable), `Catalog.selection` (which modules, in what order, why),
`Catalog.values` (what settings mean to charts). Planning, bundle and command line read it; nothing here acts.
"""

from slipway.catalog.catalog import Catalog, Selected
from slipway.catalog.facts import cluster_facts
from slipway.catalog.folder.reading import samples
from slipway.catalog.loader import digest, load, load_beside
from slipway.catalog.modules import Fate, Module, Release, Removal, Requirement, Stage

__all__ = [
    "Catalog",
    "Fate",
    "Module",
    "Release",
    "Removal",
    "Requirement",
    "Selected",
    "Stage",
    "cluster_facts",
    "digest",
    "load",
    "load_beside",
    "samples",
]
