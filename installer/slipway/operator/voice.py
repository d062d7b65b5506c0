"""The status of one ClusterConfiguration as this operator last wrote it.

Transition times and comparisons go against that, not against what the API held when the operation began.
"""

from collections.abc import Callable
from typing import Any

from slipway.engine.chronicle.course import Running
from slipway.errors import SlipwayError
from slipway.model.configuration import Configuration
from slipway.model.observed import ClusterObserved, LiveConfiguration, Observed
from slipway.model.operation import OperationResult
from slipway.model.plan import Plan
from slipway.model.status import ConditionType, Phase
from slipway.operator import conditions, status
from slipway.operator.door import Key, Store


class Voice:
    """Says in the status how a reconciliation goes; every method tells whether that was news."""

    def __init__(self, live: LiveConfiguration, store: Store, clock: Callable[[], str]) -> None:
        self._live = live
        self._store = store
        self._clock = clock
        self._said = live.status

    @property
    def ready(self) -> bool:
        """Whether the last word was that all is well."""
        return conditions.find(self._said, ConditionType.READY).get("status") == "True"

    @property
    def phase(self) -> Phase | None:
        """The last word itself; None where none was said yet, or one of another release."""
        return next((phase for phase in Phase if phase == self._said.get("phase")), None)

    def refused(self, error: SlipwayError, reason: str) -> bool:
        """Not accepted."""
        return self._say(status.refused_status(self._live, error, now=self._clock(), reason=reason))

    def stopped(self, error: SlipwayError) -> bool:
        """Something failed outside of any step."""
        return self._say(status.stopped_status(self._live, error, now=self._clock()))

    def tell(
        self,
        configuration: Configuration,
        plan: Plan,
        observed: Observed,
        *,
        running: Running | None = None,
        result: OperationResult | None = None,
        more: bool = False,
    ) -> bool:
        """Anything else; see `status.status_of`."""
        return self._say(
            status.status_of(
                configuration,
                plan,
                observed,
                previous=self._said,
                now=self._clock(),
                running=running,
                result=result,
                more=more,
            )
        )

    def look(self, configuration: Configuration, cluster: ClusterObserved) -> bool:
        """What is sick now, and nothing else; see `status.status_after_look`."""
        if not self._said.get("phase"):
            return False  # its first look is on its way
        return self._say(
            status.status_after_look(configuration, cluster, previous=self._said, now=self._clock())
        )

    def _say(self, news: dict[str, Any]) -> bool:
        if news == self._said:
            return False
        self._store.write_status(Key(self._live.namespace, self._live.name), news)
        self._said = news
        return True
