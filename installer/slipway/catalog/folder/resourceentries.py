"""What module.yaml says of the requests of a module's pods, as it is written."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from slipway.model.amounts import Amount, PodRequests
from slipway.model.fields import Model


class ResourcesEntry(Model):
    """Requests of its pods together, with the settings' defaults; `times` names a setting that counts such pods."""

    cpu: str = ""
    memory: str = ""
    per: Literal["cluster", "node"] = "cluster"
    times: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.]*$")] = ""

    @model_validator(mode="after")
    def _read(self) -> "ResourcesEntry":
        try:
            Amount.parse(self.cpu, self.memory)
        except ValueError as exc:
            raise PydanticCustomError("amount", "{expected}", {"expected": str(exc)}) from exc
        return self

    def requests(self) -> PodRequests:
        """As the catalog has it."""
        return PodRequests(Amount.parse(self.cpu, self.memory), self.per == "node", self.times)


def _listed(value: Any) -> Any:
    """One alone is the short form."""
    return [value] if isinstance(value, dict) else value


Resources = Annotated[tuple[ResourcesEntry, ...], BeforeValidator(_listed)]
