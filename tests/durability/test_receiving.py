"""Kills while senders bring instances: what one was told is stored is there, once, for ever.

STOW-RS answers and C-STORE says Success when it is durable; it becomes visible a moment later,
whoever lives by then. Who stored it by STOW-RS and asks for it finds it, whichever process is asked
and whichever has died meanwhile. Who gets no answer sends again.
"""

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event, Lock

import psutil
import pytest
import requests
from sqlalchemy import select

from iryo import dicom
from iryo.access import Role
from iryo.errors import IryoError
from iryo.imaging.dimse.association import Timeouts
from iryo.imaging.dimse.failures import AssociationEnded
from iryo.imaging.dimse.requestor import associate
from iryo.imaging.dimse.sending import send_file
from iryo.imaging.service import peers
from iryo.imaging.service.receive import Outcome
from iryo.imaging.store import arrivals
from tests.durability.trial import PATIENCE, Trial, end, free_port, workers_of

pytestmark = pytest.mark.usefixtures("seed")
Did = Callable[..., None]

CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
BOUNDARY = "between-parts"


TIMEOUTS = Timeouts(association=5.0, network=5.0, idle=30.0, response=10.0)


class Senders:
    """One that stores by STOW-RS and one by C-STORE, until it is over; neither gives up."""

    def __init__(self, trial: Trial, dimse_port: int) -> None:
        self._trial = trial
        self._port = dimse_port
        self.over = Event()
        self._lock = Lock()
        self.requests = 0

    def by_stow(self) -> None:
        """Requests of some instances each."""
        trial = self._trial
        session = requests.Session()
        session.trust_env = False
        session.auth = trial.key
        for folder in self._series():
            files = sorted(folder.iterdir())
            head = b"--%s\r\nContent-Type: application/dicom\r\n\r\n" % BOUNDARY.encode()
            parts = b"".join(head + path.read_bytes() + b"\r\n" for path in files)
            body = parts + b"--%s--\r\n" % BOUNDARY.encode()
            kind = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
            said: list[str] = []
            for _ in _patiently():
                with suppress(requests.ConnectionError, requests.Timeout):
                    answer = session.post(
                        f"http://127.0.0.1:{trial.port}/dicomweb/main/studies",
                        data=body,
                        headers={"content-type": kind},
                        timeout=60,
                    )
                    if answer.status_code == 200:
                        said = [
                            one["00081155"]["Value"][0]
                            for one in answer.json()["00081199"]["Value"]
                        ]
                        assert len(said) == len(files)
                        break
                    _check_trouble(answer)
            trial.remember(folder)
            self._find(session, str(dicom.read(files[0].read_bytes()).text(0x0020000D)), said)
            self.requests += 1

    def _find(self, session: requests.Session, study: str, said: list[str]) -> None:
        """What was said to be stored is found at once; killed servers are asked again."""
        url = f"http://127.0.0.1:{self._trial.port}/dicomweb/main/studies/{study}/instances"
        for _ in _patiently():
            with suppress(requests.ConnectionError, requests.Timeout):
                answer = session.get(url, timeout=60)
                if answer.status_code == 200:
                    found = {one["00080018"]["Value"][0] for one in answer.json()}
                    assert found.issuperset(said)
                    return
                _check_trouble(answer)

    def by_c_store(self) -> None:
        """Associations of some instances each; one that breaks off is made again."""
        for folder in self._series():
            left = sorted(folder.iterdir())
            for _ in _patiently():
                with suppress(IryoError, AssociationEnded):  # nobody is there; or it has ended
                    self._associate(left)
                if not left:
                    break
            self._trial.remember(folder)

    def _associate(self, left: list[Path]) -> None:
        """One association; what was taken is left no more."""
        address = peers.PeerAddress("127.0.0.1", self._port)
        association = associate(
            "IRYO", address, [(CT, [EXPLICIT])], calling="SENDER", timeouts=TIMEOUTS
        )
        (context,) = association.contexts.values()
        try:
            while left:
                sop = str(dicom.read(left[0].read_bytes()).text(0x00080018))
                assert send_file(association, context, sop, [left[0].read_bytes()]) == 0
                del left[0]
            association.release()
        finally:
            association.abort()

    def _series(self) -> Iterator[Path]:
        """Folders with the instances of a new series each."""
        while not self.over.is_set():
            with self._lock:
                folder = self._trial.files(random.randint(1, 6))
            yield folder


def _check_trouble(answer: requests.Response) -> None:
    # 503: what it needs is away just now. uvicorn itself answers 500 when a server that ends has
    # waited long enough; all else would be a fault of ours.
    assert answer.status_code == 503 or answer.text == "Internal Server Error", answer.text


def _patiently() -> Iterator[None]:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        yield
        time.sleep(0.05)
    raise AssertionError("nobody answers")


@contextmanager
def sending(trial: Trial, dimse_port: int) -> Iterator[Senders]:
    """Senders at work; what they have sent is known when the block has ended."""
    senders = Senders(trial, dimse_port)
    with ThreadPoolExecutor(3) as pool:
        work = (senders.by_stow, senders.by_stow, senders.by_c_store)
        waiting: list[Future[None]] = [pool.submit(one) for one in work]
        try:
            yield senders
        finally:
            senders.over.set()
        for one in waiting:
            one.result()


def settled(trial: Trial) -> None:
    """Until nothing waits to become visible."""
    with trial.opened() as app:
        query = select(arrivals.c.id).where(arrivals.c.outcome == Outcome.WAITING.value).limit(1)
        for _ in _patiently():
            with app.database.read() as connection:
                if connection.execute(query).first() is None:
                    return


def taking(trial: Trial) -> dict[str, str]:
    """Settings of a server that takes C-STORE, from a device that it knows."""
    with trial.opened() as app:
        peers.add(app.room, "SENDER", datastore_id=trial.datastore, role=Role.WRITER)
    return {"dimse_port": str(free_port())}


@pytest.mark.parametrize(
    "trial", ["small", pytest.param("grown", marks=pytest.mark.soak)], indirect=True
)
def test_server_is_killed_while_it_receives(trial: Trial, kills: int, did: Did) -> None:
    dimse = taking(trial)
    blows = max(3, kills // 4)
    with ExitStack() as stack:
        with sending(trial, int(dimse["dimse_port"])) as senders:
            for _ in range(blows):
                with trial.serving(stores=dimse) as server:
                    time.sleep(random.uniform(0.2, 2.0))
                    end(server)
                trial.check_visible()
            stack.enter_context(trial.serving(stores=dimse))
        settled(trial)
    trial.check_complete()
    did(kills=blows, requests=senders.requests, instances=len(trial.sent))


def test_processes_are_killed_while_it_receives(grown_trial: Trial, kills: int, did: Did) -> None:
    """One of them each time: of DIMSE, of jobs, of HTTP, or a worker; the others go on."""
    trial = grown_trial
    dimse = taking(trial)
    blows = max(6, kills // 2)
    with trial.serving(stores=dimse) as server:
        with sending(trial, int(dimse["dimse_port"])) as senders:
            for _ in range(blows):
                time.sleep(random.uniform(0.1, 0.8))
                with suppress(psutil.NoSuchProcess, IndexError):
                    random.choice(workers_of(server)).kill()
        settled(trial)
        assert server.poll() is None
    trial.check_complete()
    did(kills=blows, requests=senders.requests, instances=len(trial.sent))
