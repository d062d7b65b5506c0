"""Names of files in a module's folder, as module.yaml writes them."""

from typing import Annotated

from pydantic import Field

#: Below the folder, and never hidden.
FILE_NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$"
InFolder = Annotated[str, Field(pattern=FILE_NAME)]
