"""Ask the pages of an open installation as a program does, without a browser or a server."""

import base64
from dataclasses import dataclass, field
from urllib.parse import urlencode

from iryo.access import EVERYWHERE, Role
from iryo.app import App
from iryo.console import open_site
from iryo.pages import Site
from iryo.wire.http import Request, Response

__all__ = ["Visitor", "visitor"]

HTML = "text/html,application/xhtml+xml,*/*;q=0.8"


@dataclass
class Visitor:
    """Somebody who asks for pages."""

    site: Site
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: bytes = b"", /, **headers: str) -> Response:
        """The answer to a request."""
        path, _, query = path.partition("?")
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        given = {"accept": HTML, "host": "iryo.test", **self.headers, **named}
        request = Request(method, path, query, given, body, "192.0.2.7")
        found = self.site.find(request)
        return found if isinstance(found, Response) else self.site.answer(found, request)

    def get(self, path: str, **headers: str) -> str:
        """The text of a page."""
        response = self.ask("GET", path, b"", **headers)
        assert response.status == 200, text_of(response)
        return text_of(response)

    def post(self, path: str, **fields: str) -> Response:
        """The answer to a form."""
        kind = "application/x-www-form-urlencoded"
        return self.ask("POST", path, urlencode(fields).encode(), content_type=kind)

    def follow(self, path: str, **fields: str) -> str:
        """Where the answer to a form leads."""
        response = self.post(path, **fields)
        assert response.status == 303, text_of(response)
        return dict(response.headers)["location"]


def text_of(response: Response) -> str:
    """The body as text."""
    body = response.body if isinstance(response.body, bytes) else b"".join(response.body)
    return body.decode()


def visitor(
    app: App, role: Role = Role.ADMIN, scope: str = EVERYWHERE, name: str = "visitor"
) -> Visitor:
    """Somebody with a key of this role."""
    key_id, secret = app.access.create_key(name=name, role=role, scope=scope)
    proof = base64.b64encode(f"{key_id}:{secret}".encode()).decode()
    return Visitor(open_site(app), {"authorization": f"Basic {proof}"})
