"""Where a site's own modules come from: directories, and what was pushed into the site registry."""

from typing import Annotated

from pydantic import Field

from slipway.model.fields import LIVE, Model

#: As registries name contents.
DIGEST = r"^sha256:[0-9a-f]{64}$"


class ModuleSource(Model):
    """Modules that no release of Slipway has."""

    directory: Annotated[str, Field(min_length=1, max_length=512)] | None = Field(
        default=None, json_schema_extra=LIVE
    )
    """A directory of modules' folders, absolute or beside this file: `bundle build` takes them into the bundle."""
    digest: Annotated[str, Field(max_length=71, pattern=DIGEST)] | None = Field(
        default=None, json_schema_extra=LIVE
    )
    """What `slipway catalog push --name SOURCE` has put into the site registry, as it printed it."""
