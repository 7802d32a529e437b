"""What of that which waits somebody wants to see."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from sqlalchemy import ColumnElement, FromClause, and_, or_

from iryo.imaging.service.receive.model import ANSWERED, Outcome
from iryo.imaging.store import arrivals

__all__ = ["Wish", "sent_by", "told_of"]


def told_of(table: FromClause, datastore_id: Any) -> ColumnElement[bool]:
    """The condition of arrivals of a data store that wait and whose senders were told."""
    return and_(
        table.c.outcome == Outcome.WAITING.value,
        table.c.datastore_id == datastore_id,
        table.c.kind == ANSWERED,
    )


def sent_by(table: FromClause, actor: Any, since: Any) -> ColumnElement[bool]:
    """The condition of arrivals that one has sent since then."""
    return and_(table.c.actor == actor, table.c.received_at > since)


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

    def covers(self, table: FromClause = arrivals) -> ColumnElement[bool]:
        """The condition of arrivals, whichever the reason."""
        told = told_of(table, self.datastore_id)
        if self.until is not None:
            told = and_(told, table.c.received_at <= self.until)
        ways = []
        if self.actor is not None:
            ways.append(sent_by(table, self.actor, self.since))
        if self.studies:
            ways.append(table.c.study_uid.in_(self.studies))
        return and_(told, or_(*ways))

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
