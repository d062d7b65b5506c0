"""`slipway catalog lint`: what is wrong with modules' folders, at a site that has what every site has."""

from collections.abc import Collection

from slipway.catalog import Catalog
from slipway.catalog.folder.lint import lint_findings, mend
from slipway.engine.enquiry.images import any_site
from slipway.errors import Finding


def linted_modules(
    catalog: Catalog, names: Collection[str], *, fix: bool = False
) -> dict[str, list[Finding]]:
    """Findings of each of these modules, or of all, broken ones too; `fix`: after what can be made is made.

    Raises:
        ConfigurationError: there is no module of such a name.
    """
    site = any_site(catalog)
    wanted = names or sorted({*catalog.modules, *catalog.broken})
    for module in (catalog.modules[name] for name in wanted if fix and name in catalog.modules):
        mend(module)
    return {name: lint_findings(catalog, name, site) for name in wanted}
