"""What of that which waits somebody wants to see."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from sqlalchemy import ColumnElement, FromClause, and_, or_

from iryo.imaging.service.receive.model import ANSWERED, Outcome
from iryo.imaging.store import arrivals

__all__ = ["Wish"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to see of a data store: of that whose senders were told that it is there.

    Attributes:
        datastore_id: the data store.
        actor: all that this one has sent since `since`; None: nothing for that alone.
        studies: all of these, by Study Instance UID.
        until: nothing that came later; None: whatever has come.
    """

    datastore_id: str
    actor: str | None
    since: datetime
    studies: tuple[str, ...]
    until: datetime | None = None

    def ways(self, table: FromClause = arrivals) -> Iterator[ColumnElement[bool]]:
        """The conditions of arrivals, one for each reason: an index leads to each.

        `table` is theirs, perhaps by another name.
        """
        columns = table.c
        told = and_(
            columns.outcome == Outcome.WAITING.value,
            columns.datastore_id == self.datastore_id,
            columns.kind == ANSWERED,
        )
        if self.until is not None:
            told = and_(told, columns.received_at <= self.until)
        if self.actor is not None:
            yield and_(told, columns.actor == self.actor, columns.received_at > self.since)
        if self.studies:
            yield and_(told, columns.study_uid.in_(self.studies))

    def covers(self, table: FromClause = arrivals) -> ColumnElement[bool]:
        """The condition of arrivals, whichever the reason."""
        return or_(*self.ways(table))

    def before(self, last: datetime) -> Self:
        """The same of what had come by then: more may come for ever."""
        return replace(self, until=last)

    def json(self) -> dict[str, Any]:
        """As the payload of a job has it; the data store is the job's scope."""
        return {
            "actor": self.actor,
            "since": self.since.isoformat(),
            "studies": list(self.studies),
            "until": self.until and self.until.isoformat(),
        }

    @classmethod
    def of(cls, datastore_id: str, told: dict[str, Any]) -> Self:
        """What `json` tells of."""
        until = told["until"]
        return cls(
            datastore_id,
            told["actor"],
            datetime.fromisoformat(told["since"]),
            tuple(told["studies"]),
            until and datetime.fromisoformat(until),
        )
