"""Roles and data stores, as commands are told them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from iryo.cli.shell import Shell
from iryo.errors import InvalidInput

if TYPE_CHECKING:
    from iryo.access import Role

__all__ = ["EVERYWHERE", "ROLES", "role_of", "scope_of", "tell_grants"]

EVERYWHERE: Final = "*"
ROLES: Final = ("researcher", "reader", "writer", "admin")


def role_of(text: str) -> Any:
    """The role of this name; raises InvalidInput if there is none."""
    from iryo.access import Role

    if text not in ROLES:
        raise InvalidInput(f"no role {text!r}; there are: {', '.join(ROLES)}")
    return Role(text)


def scope_of(shell: Shell, datastore: str | None) -> str:
    """The scope that a data store's name or id means; without one, all of them."""
    from iryo.imaging.service.lookup import find_datastore

    return EVERYWHERE if datastore is None else find_datastore(shell.room, datastore).id


def tell_grants(shell: Shell, grants: Mapping[str, "Role"]) -> str:
    """Roles for people: data stores by their names."""
    from iryo.imaging.service.lookup import active_datastores

    names = {one.id: one.name for one in active_datastores(shell.room)} | {EVERYWHERE: "all"}
    return ", ".join(f"{role} of {names.get(scope, scope)}" for scope, role in grants.items())
