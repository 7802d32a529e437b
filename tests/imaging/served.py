"""A house behind a real HTTP server, in this process: for clients that others wrote."""

import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import uvicorn

from iryo.access import EVERYWHERE, Role
from iryo.access.sessions import PASSWORD
from iryo.server import Server, application
from iryo.server.connection import Connection
from iryo.server.endpoint import Receive, Scope, Send
from iryo.server.listening import listen, url_of
from tests.imaging.house import House

Application = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass
class Served:
    """A house and where it is served."""

    house: House
    url: str
    keys: dict[Role, tuple[str, str]]

    @property
    def dicomweb(self) -> str:
        """The base of DICOMweb of its data store."""
        return f"{self.url}/dicomweb/main"

    def session(self, role: Role = Role.WRITER) -> requests.Session:
        """A session of somebody with a role."""
        session = requests.Session()
        session.auth = self.keys[role]
        session.trust_env = False
        return session

    def browser(self, role: Role = Role.WRITER) -> requests.Session:
        """A browser at which somebody with a role has signed in; it sends the secret as pages do.

        Raises:
            Conflict: there is one of this role already.
        """
        sign_in = self.house.app.sign_in
        person = sign_in.users.create(f"browsing-{role.value}")
        sign_in.users.grant(person.id, role)
        token, begun = sign_in.sessions.begin(person.id, PASSWORD, "127.0.0.1")
        session = requests.Session()
        session.trust_env = False
        session.cookies["iryo_session"] = token
        session.headers.update({"x-iryo-csrf": begun.csrf, "sec-fetch-site": "same-origin"})
        return session

    def look(self, study: str) -> None:
        """Ask for a study, as who has stored it may: then what waits of it is visible."""
        url, params = f"{self.dicomweb}/instances", {"StudyInstanceUID": study}
        assert self.session().get(url, params=params).status_code == 200


@contextmanager
def served(
    folder: Path, make: Callable[[House], Application] | None = None, **settings: Any
) -> Iterator[Served]:
    """A new installation, served with its jobs; `make` gives another application than ours."""
    house = House.made(folder, port=0, **settings)
    with house.app as app:
        keys = {
            role: app.access.create_key(name=role.value, role=role, scope=EVERYWHERE)
            for role in Role
        }
        listener = listen(app.settings)
        ready = threading.Event()
        config = uvicorn.Config(
            make(house) if make else application(app),
            lifespan="off",
            log_config=None,
            access_log=False,
            http=Connection,
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=5,
        )
        server = Server(config, ready.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        app.runner.start()
        thread.start()
        try:
            assert ready.wait(30)
            yield Served(house, url_of(app.settings, listener), keys)
        finally:
            server.should_exit = True
            thread.join(timeout=30)
            listener.close()
