"""Who holds which role where: of access keys and of people, each with tables of their own."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy import Column, Connection, Table, delete, insert, select, update

from iryo.access.model import Role
from iryo.errors import InvalidInput, NotFound

__all__ = ["Grants", "check_length"]


class Grants:
    """The grants of one kind of holder; each call is part of the caller's transaction.

    Args:
        holders: the table of those who hold roles, with `id` and `disabled_at`.
        grants: the table of what they hold; the first column of its key names the holder.
        called: what a holder is called in messages.
    """

    def __init__(self, holders: Table, grants: Table, called: str) -> None:
        self._holders = holders
        self._grants = grants
        self._called = called
        self._holder: Column[str] = next(iter(grants.primary_key.columns))

    def require(self, connection: Connection, holder: str) -> Any:
        """The holder's row; who else changes it or its grants waits until the transaction ends.

        Raises:
            NotFound: there is no such holder.
        """
        query = select(self._holders).where(self._holders.c.id == holder).with_for_update()
        row = connection.execute(query).first()
        if row is None:
            raise NotFound(f"no such {self._called}: {holder}")
        return row

    def give(self, connection: Connection, holder: str, role: Role, scope: str) -> None:
        """A role in a scope, in place of the one held there; the holder was `require`d.

        Raises:
            InvalidInput: the scope is empty or too long.
        """
        check_length(scope, "scope", 128)
        table, where = self._grants, self._at(holder, scope)
        if not connection.execute(update(table).where(where).values(role=role.value)).rowcount:
            row = {self._holder.name: holder, "scope": scope, "role": role.value}
            connection.execute(insert(table).values(row))

    def take(self, connection: Connection, holder: str, scope: str) -> None:
        """Away with the role in a scope, if one is held there."""
        connection.execute(delete(self._grants).where(self._at(holder, scope)))

    def take_all(self, connection: Connection, holder: str) -> None:
        """Away with all roles."""
        connection.execute(delete(self._grants).where(self._holder == holder))

    def of(self, connection: Connection, holder: str) -> Mapping[str, Role]:
        """Roles by scope."""
        grants = self._grants
        query = select(grants.c.scope, grants.c.role).where(self._holder == holder)
        rows = connection.execute(query)
        return MappingProxyType({scope: Role(role) for scope, role in rows})

    def all(self, connection: Connection) -> dict[str, Mapping[str, Role]]:
        """Roles by scope of each who holds any."""
        held: dict[str, dict[str, Role]] = {}
        rows = connection.execute(select(self._holder, self._grants.c.scope, self._grants.c.role))
        for holder, scope, role in rows:
            held.setdefault(holder, {})[scope] = Role(role)
        return {holder: MappingProxyType(roles) for holder, roles in held.items()}

    def _at(self, holder: str, scope: str) -> Any:
        return (self._holder == holder) & (self._grants.c.scope == scope)


def check_length(text: str, where: str, most: int) -> None:
    """Raise InvalidInput unless there are 1 to `most` characters."""
    if not 0 < len(text) <= most:
        raise InvalidInput(f"found {len(text)} characters, expected 1 to {most}", where=where)
