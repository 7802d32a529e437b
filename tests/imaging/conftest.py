"""An installation in a temporary folder, its server on a free port, and boto3 in front of it."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from iryo.access import Role, create_key_file
from iryo.app import KEY_FILE, open_app
from iryo.server import application
from iryo.settings import load
from tests.imaging.house import House
from tests.imaging.site import Site


@pytest.fixture
def site(tmp_path: Path, stores: dict[str, Any]) -> Iterator[Site]:
    """A new installation with one data store, served over HTTP."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    create_key_file(home / KEY_FILE)
    settings = load({"home": home, "compute": "inline", "port": 0, **stores}, {}, None).settings
    with open_app(settings, serving=True) as app, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)  # from now on: a client may be faster than the server's thread
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(
            uvicorn.Config(application(app), lifespan="off", log_config=None, access_log=False)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        app.runner.start()
        key = app.access.create_key(name="test", role=Role.ADMIN)
        made = Site(app, url, None, key, tmp_path, output=tmp_path / "out")
        made.client = made.client_of(key)
        made.datastore = made.client.create_datastore(datastoreName="main")["datastoreId"]
        yield made
        server.should_exit = True
        thread.join(timeout=30)


@pytest.fixture
def house(tmp_path: Path, stores: dict[str, Any]) -> Iterator[House]:
    """A new installation with one data store, and no server: jobs run when they are told to."""
    made = House.made(tmp_path, **stores)
    yield made
    made.app.close()
