"""A server of several processes: they share the work, and none is missed when it dies."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import psutil
import pydicom
import pytest
import requests
from dicomweb_client.api import DICOMwebClient

from tests.durability.trial import Trial, persist
from tests.grown.postgres import wait_for_end
from tests.program import Program

SECONDS = 60.0


@contextmanager
def several(trial: Trial, count: int = 3) -> Iterator["subprocess.Popen[str]"]:
    """`iryo serve --workers`; what it leaves behind fails the test."""
    variables = {
        **{k: v for k, v in os.environ.items() if k in ("PATH", "HOME") or k.startswith("COV")},
        "IRYO_HOME": str(trial.home),
        "IRYO_COMPUTE": "processes:1",
        "IRYO_JOB_LEASE": "1",
    }
    words = ["serve", "--port", str(trial.port), "--workers", str(count)]
    server = subprocess.Popen(
        [sys.executable, "-m", "iryo", *words], env=variables, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    with server.stdout:
        try:
            assert "serves at" in server.stdout.readline()
            children = psutil.Process(server.pid).children(recursive=True)
            yield server
        finally:
            if server.poll() is None:
                children += psutil.Process(server.pid).children(recursive=True)
                server.terminate()
                server.wait(SECONDS)
    for child in children:
        wait_for_end(child)


def metrics(trial: Trial) -> str:
    """What any of them tells. Who waits for one that is killed is reset, and asks again."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{trial.port}/-/metrics") as answer:
                return str(answer.read().decode())
        except OSError:
            assert time.monotonic() < deadline


def processes(trial: Trial) -> dict[str, int]:
    """Role -> how many processes of it any of them tells of."""
    text = metrics(trial)
    found = re.findall(r'^iryo_processes\{role="(\w+)"\} (\d+)', text, re.MULTILINE)
    return {role: int(count) for role, count in found}


def restarts(trial: Trial) -> dict[str, int]:
    """Role -> how often one of it was started anew."""
    text = metrics(trial)
    line = r'^iryo_process_restarts_total\{role="(\w+)"\} (\d+)'
    return {role: int(count) for role, count in re.findall(line, text, re.MULTILINE)}


def until(true: object) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.02)


ALL = {"supervisor": 1, "web": 3, "jobs": 1}


def stored_by_one_and_found_by_another(trial: Trial, number: int) -> None:
    """Over a connection each, which any of them may take."""
    folder = trial.files(2)
    service = f"http://127.0.0.1:{trial.port}/dicomweb/main"
    clients = []
    for _ in range(4):
        session = requests.Session()
        session.auth, session.trust_env = trial.key, False
        clients.append(DICOMwebClient(service, session=session))
    datasets = [pydicom.dcmread(path) for path in sorted(folder.iterdir())]
    told = clients[0].store_instances(datasets)
    assert len(told.ReferencedSOPSequence) == len(datasets)
    one = datasets[number % 2]
    ids = one.StudyInstanceUID, one.SeriesInstanceUID, one.SOPInstanceUID
    asked = [
        lambda client: client.search_for_instances(*ids[:2]),
        lambda client: client.search_for_series(search_filters={"SeriesInstanceUID": ids[1]}),
        lambda client: client.retrieve_instance_frames(*ids, [1]),
    ]
    # Each is in turn the first to ask.
    for turn, client in enumerate(clients[1:]):
        assert asked[(number + turn) % 3](client)
    trial.remember(folder)


def test_they_share_the_work(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    with several(trial) as server:
        assert processes(trial) == ALL
        job = trial.send(trial.files(20))
        assert trial.wait(job)["numberOfImportedFiles"] == 20
        for number in range(10):
            stored_by_one_and_found_by_another(trial, number)
        server.terminate()
        assert server.wait(SECONDS) == 0
    trial.check_complete()


def test_one_that_is_killed_is_not_missed(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    with several(trial) as server:
        over = Event()

        def ask() -> int:
            """Until it is over; a connection that breaks is made anew, as SDKs do."""
            client = trial.client()
            asked = 0
            while not over.is_set():
                persist(lambda: client.get_datastore(datastoreId=trial.datastore))
                asked += 1
            return asked

        with ThreadPoolExecutor(2) as pool:
            asking = [pool.submit(ask) for _ in range(2)]
            try:
                children = psutil.Process(server.pid).children()
                for child in children:
                    child.kill()
                    wait_for_end(child)
                    until(lambda: processes(trial) == ALL)
            finally:
                over.set()
            assert all(each.result() > 0 for each in asking)
        job = trial.send(trial.files(10))
        assert trial.wait(job)["numberOfImportedFiles"] == 10
        assert restarts(trial) == {"web": 3, "jobs": 1}
    trial.check_complete()


def test_who_looks_hears_that_it_ends_and_who_has_asked_is_answered(tmp_path: Path) -> None:
    """Readiness is denied while the port is still open; a request that is under way is answered."""
    trial = Trial(tmp_path)

    def ready() -> int:
        with socket.create_connection(("127.0.0.1", trial.port), SECONDS) as client:
            client.sendall(b"GET /-/ready HTTP/1.0\r\n\r\n")
            return int(client.recv(65536).split()[1])

    with several(trial) as server:
        # Every process has been asked: no new connection goes to one that sees nobody looking.
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            assert ready() == 200
        with socket.create_connection(("127.0.0.1", trial.port), SECONDS) as client:
            client.sendall(
                b"POST /datastore HTTP/1.1\r\nHost: x\r\nAuthorization: AWS4\r\n"
                b"Content-Length: 2\r\nConnection: close\r\n\r\n{"
            )
            assert ready() == 200
            server.terminate()
            until(lambda: ready() == 503)
            client.sendall(b"}")
            assert client.recv(65536).startswith(b"HTTP/1.1 403")
        assert server.wait(SECONDS) == 0


def test_they_end_with_their_supervisor(tmp_path: Path) -> None:
    """Although it is killed, and can tell them nothing: the port is free afterwards."""
    trial = Trial(tmp_path)
    with several(trial) as server:
        children = psutil.Process(server.pid).children(recursive=True)
        server.kill()
        server.wait(SECONDS)
        for child in children:
            wait_for_end(child)
    with several(trial):
        assert processes(trial) == ALL
    left = [path for path in (trial.home / "watch").iterdir() if path.is_dir()]
    assert left == [], "what the killed server counted is removed by the next"


def test_nobody_gets_the_port_beside_them(tmp_path: Path) -> None:
    """Neither another server of several processes, which could share it, nor a single one."""
    trial = Trial(tmp_path)
    other = Program(tmp_path / "other")
    other.says("init")
    with several(trial, 2):
        for count in ("1", "2"):
            ran = other.process("serve", "--port", str(trial.port), "--workers", count)
            assert ran.returncode == 1
            assert f"cannot listen on 127.0.0.1:{trial.port}" in ran.stderr


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("IRYO_DATABASE", "postgresql://nobody@127.0.0.1:1/none", "cannot be reached"),
        ("IRYO_HOST", "192.0.2.1", "no TLS"),
        ("IRYO_OBJECTS", "memory://", "expected a store that all processes see"),
    ],
)
def test_what_cannot_begin_says_why_in_one_line(
    tmp_path: Path, name: str, value: str, said: str
) -> None:
    program = Program(tmp_path / "home")
    program.says("init")
    ran = program.process("serve", "--port", "0", "--workers", "2", more={name: value})
    assert ran.returncode in (1, 2)
    (line,) = [line for line in ran.stderr.splitlines() if line.startswith("iryo: ")]
    assert said in line
    assert "Traceback" not in ran.stderr


def test_a_process_without_a_supervisor_ends(root: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "iryo.server.child"],
        cwd=root,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=SECONDS,
    )
    assert ran.returncode not in (0, -signal.SIGKILL)
