"""One server for all tests of DIMSE: it is what they have in common, and starts once."""

import shutil
import socket
from collections.abc import Iterator

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import UID

from iryo.access import Role
from iryo.imaging.service import datastores, peers
from tests.imaging.dimse.site import Archive, Site, listening, serving
from tests.installation import opened

SLICES = 5


@pytest.fixture(scope="session")
def dimse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """`iryo serve` with DIMSE; its peers are TESTER, READER and FAR, who is somewhere else."""
    if shutil.which("echoscu") is None:
        pytest.skip("needs Debian's dcmtk")
    home = tmp_path_factory.mktemp("dimse") / "home"
    peers = ("TESTER",), ("READER", "--role", "reader"), ("FAR", "--from", "192.0.2.0/24")
    with serving(home, *peers) as made:
        yield made


@pytest.fixture(scope="session")
def free_port() -> int:
    """A port where something may be started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory, free_port: int) -> Iterator[Archive]:
    """An SCP in this process that five slices of CT were sent to by storescu.

    Its peers are TESTER, READER, PRIVATE (who may store any class), and DEST, at `free_port`.
    """
    if shutil.which("storescu") is None:
        pytest.skip("needs Debian's dcmtk")
    folder = tmp_path_factory.mktemp("archive")
    (folder / "sent").mkdir()
    path = get_testdata_file("CT_small.dcm")
    assert isinstance(path, str)
    instances = []
    for number in range(1, SLICES + 1):
        slice_ = pydicom.dcmread(path)
        slice_.SOPInstanceUID = slice_.file_meta.MediaStorageSOPInstanceUID = UID(
            f"1.2.3.4.{number}"
        )
        slice_.InstanceNumber = number
        slice_.save_as(folder / "sent" / f"{number}.dcm")
        instances.append(str(slice_.SOPInstanceUID))
    with opened(folder) as app:
        store = datastores.create(app.room, name="main").id
        for title, role, address, any_class in (
            ("TESTER", Role.WRITER, None, False),
            ("READER", Role.READER, None, False),
            ("PRIVATE", Role.WRITER, None, True),
            ("DEST", Role.READER, peers.PeerAddress("127.0.0.1", free_port), False),
        ):
            peers.add(
                app.room,
                title,
                datastore_id=store,
                role=role,
                address=address,
                any_class=any_class,
            )
        app.runner.start()
        app.keeper.start()
        with listening(app, most=50) as port:
            made = Archive(app, store, port, folder / "sent")
            made.run("storescu", "+sd", folder / "sent")
            made.wait(*instances)
            yield made
