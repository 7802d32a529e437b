"""The first page: what is here, what is running, what needs a person."""

from iryo.app import App
from iryo.imaging.service.lookup import active_datastores
from iryo.pages import Visit
from iryo.wire.http import Response

__all__ = ["home"]


def home(app: App, visit: Visit) -> Response:
    """The page."""
    stores = active_datastores(app.room)
    return visit.render("console/home.html", stores=stores)
