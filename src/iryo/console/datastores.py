"""Data stores: what each holds; make one, delete an empty one."""

from typing import Final

from iryo.access import Role
from iryo.app import App
from iryo.console.home import Holdings
from iryo.errors import InvalidInput, NotFound
from iryo.imaging.model import DatastoreStatus
from iryo.imaging.service import datastores
from iryo.imaging.service.lookup import active_datastores
from iryo.pages import Page, Visit
from iryo.wire.http import Response

__all__ = ["DatastorePages"]

_LONGEST_NAME: Final = 256


class DatastorePages:
    """The pages about data stores."""

    def __init__(self, app: App, holdings: Holdings) -> None:
        self._app = app
        self._holdings = holdings

    def pages(self) -> tuple[Page, ...]:
        """Their table."""
        admin = Role.ADMIN
        path = "/console/datastores"
        return (
            Page("GET", path, self._list, role=admin),
            Page("POST", path, self._create, "console:datastores.create", admin),
            Page("GET", f"{path}/{{datastore}}", self._one, role=admin),
            Page(
                "POST",
                f"{path}/{{datastore}}/delete",
                self._delete,
                "console:datastores.delete",
                admin,
            ),
        )

    def _list(self, visit: Visit) -> Response:
        held = self._holdings.ask()
        found = sorted(active_datastores(self._app.room), key=lambda one: one.name)
        stores = [(one, held.get(one.id)) for one in found]
        return visit.render("console/datastores.html", stores=stores)

    def _create(self, visit: Visit) -> Response:
        name = visit.form.need("name")
        if len(name) > _LONGEST_NAME or not name.isprintable():
            raise InvalidInput(f"found a name of more than {_LONGEST_NAME} visible characters")
        if any(one.name == name for one in active_datastores(self._app.room)):
            raise InvalidInput("there is a data store of this name already", where="name")
        made = datastores.create(self._app.room, name=name)
        visit.subject.resource = made.id
        return visit.redirect(f"/console/datastores/{made.id}")

    def _one(self, visit: Visit) -> Response:
        store = datastores.get(self._app.room, visit.scope)
        if store.status is not DatastoreStatus.ACTIVE:
            raise NotFound("the data store has been deleted")
        report = self._holdings.ask().get(store.id)
        return visit.render("console/datastore.html", store=store, report=report)

    def _delete(self, visit: Visit) -> Response:
        datastores.remove(self._app.room, visit.scope)
        return visit.redirect("/console/datastores")
