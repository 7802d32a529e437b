"""Dask's workers die, come and go; its scheduler goes away and comes back."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dask
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from iryo.compute import Compute, open_compute
from iryo.compute.dask import DaskExecutor
from iryo.errors import Conflict, InvalidInput, TookTooLong, Unavailable, WorkerDied
from tests.compute import functions
from tests.grown.dask import Cluster


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster() as cluster:
        yield cluster


def opened(cluster: Cluster) -> Compute:
    executor = DaskExecutor(cluster.address, patience=3)
    return Compute(executor, workers=executor.workers)


def pids(compute: Compute) -> set[int]:
    return {one.result() for one in compute.map_unordered(functions.process_id, range(20))}


@pytest.mark.parametrize("allowed_failures", [0, 3])
def test_a_worker_killed_loses_nothing(tmp_path: Path, allowed_failures: int) -> None:
    """One dies in the middle of its item: that is done by another."""
    with Cluster(allowed_failures=allowed_failures) as cluster:
        cluster.worker()
        cluster.worker()
        items = [str(tmp_path / f"fine-{n}") for n in range(40)]
        items[7] = str(tmp_path / "dies-once")
        with opened(cluster) as compute:
            outcomes = list(compute.map_unordered(functions.die_once, items))
            assert sorted(one.result() for one in outcomes) == sorted(
                Path(item).name for item in items
            )
            assert len(outcomes) == 40
            assert compute.workers <= 2
            assert len(pids(compute)) == 1


def test_poison_costs_only_its_item(cluster: Cluster) -> None:
    """Beneath nannies, which start their workers anew."""
    cluster.worker(nanny=True)
    cluster.worker(nanny=True)
    items = [f"fine-{n}" for n in range(20)]
    items[5] = "kill-1"
    with opened(cluster) as compute:
        outcomes = {one.item: one for one in compute.map_unordered(functions.die_if_poison, items)}
    assert set(outcomes) == set(items)
    assert isinstance(outcomes.pop("kill-1").error, WorkerDied)
    assert {one.result() for one in outcomes.values()} == {item.upper() for item in outcomes}


@pytest.mark.soak
def test_poison_where_the_scheduler_tries_again(did: Callable[..., None]) -> None:
    """As Dask has it by default: four workers must die until it tells, and four when alone."""
    with Cluster(allowed_failures=3) as cluster:
        cluster.worker(nanny=True)
        cluster.worker(nanny=True)
        items = ["kill-1", *(f"fine-{n}" for n in range(20))]
        with opened(cluster) as compute:
            found = {one.item: one for one in compute.map_unordered(functions.die_if_poison, items)}
        assert isinstance(found.pop("kill-1").error, WorkerDied)
        assert all(one.error is None for one in found.values())
        did(items=len(items), of_them_killing_workers=1)


def test_workers_come_and_go(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "iryo.compute")
    looks = []

    def look() -> None:
        looks.append(compute.workers)
        if len(looks) == 2:
            cluster.worker()

    with opened(cluster) as compute:
        outcomes = list(compute.map_unordered(functions.double, range(5), check=look))
        assert sorted(one.result() for one in outcomes) == [0, 2, 4, 6, 8]
        assert looks[:2] == [0, 0]
        assert "has no worker: work waits for one" in caplog.text
        cluster.worker()
        threading.Event().wait(1.1)
        assert compute.workers == 2
        cluster.workers[0].stop()
        threading.Event().wait(1.1)
        assert compute.workers == 1
        assert "has 2 workers" in caplog.text


def test_waiting_for_workers_can_be_given_up(cluster: Cluster) -> None:
    def given_up() -> None:
        raise KeyError("enough")

    with opened(cluster) as compute:
        with pytest.raises(KeyError, match="enough"):
            list(compute.map_unordered(functions.double, range(5), check=given_up))
        cluster.worker()
        assert len(pids(compute)) == 1


def test_what_waits_is_cancelled_with_its_map(cluster: Cluster, tmp_path: Path) -> None:
    cluster.worker()
    flag, mark, begun = tmp_path / "flag", tmp_path / "mark", tmp_path / "flag.begun"
    executor = DaskExecutor(cluster.address)
    with Compute(executor, workers=executor.workers) as compute:

        def items() -> Iterator[tuple[str, str]]:
            yield "wait", str(flag)
            while not begun.exists():
                threading.Event().wait(0.01)
            yield "touch", str(mark)

        outcomes = compute.map_unordered(wait_or_touch, items(), window=2, check=stop)
        with pytest.raises(InterruptedError):
            next(outcomes)
        while sum(executor._client.run(functions.known_to_dask).values()) > 1:
            threading.Event().wait(0.01)
        flag.touch()
        assert len(pids(compute)) == 1
        assert not mark.exists()


def stop() -> None:
    raise InterruptedError


def wait_or_touch(item: tuple[str, str]) -> str:
    do, path = item
    functions.touch(f"{path}.begun")
    return functions.wait_for(path) if do == "wait" else functions.touch(path)


def test_no_scheduler() -> None:
    executor = DaskExecutor("tcp://127.0.0.1:9", patience=0.5)
    with (
        Compute(executor, workers=executor.workers) as compute,
        pytest.raises(Unavailable, match=r"tcp://127.0.0.1:9 cannot be reached"),
    ):
        list(compute.map_unordered(functions.double, [1]))


def test_the_scheduler_goes_and_comes_back(cluster: Cluster, tmp_path: Path) -> None:
    """What runs is told to be lost; a new attempt fails in bounded time; then all is well."""
    cluster.worker()
    assert cluster.scheduler is not None
    with opened(cluster) as compute:
        assert len(pids(compute)) == 1

        def lose() -> None:
            assert cluster.scheduler is not None
            cluster.scheduler.kill()

        (lost,) = compute.map_unordered(functions.wait_for, [str(tmp_path / "never")], check=lose)
        assert isinstance(lost.error, Unavailable)
        assert "went away" in str(lost.error)
        with pytest.raises(Unavailable, match="cannot be reached"):
            list(compute.map_unordered(functions.double, [1]))
        cluster.start_scheduler()
        cluster.worker()
        assert [one.result() for one in compute.map_unordered(functions.double, [1, 2])]
        assert compute.workers >= 1


@pytest.mark.parametrize(
    ("metadata", "found"), [("Version: 0.0.1\n", "iryo 0.0.1"), ("", "no iryo")]
)
def test_another_version(cluster: Cluster, tmp_path: Path, metadata: str, found: str) -> None:
    """Told before work is sent; also of workers that come later."""
    folder = tmp_path / "iryo-0.0.1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: iryo\n{metadata}")
    cluster.worker()
    with opened(cluster) as compute:
        assert len(pids(compute)) == 1
        cluster.worker(more=looking_first(tmp_path))
        threading.Event().wait(1.1)
        with pytest.raises(Conflict, match=f"the worker at .* has {found} and Python 3"):
            pids(compute)


def test_a_scheduler_of_another_version(cluster: Cluster, tmp_path: Path) -> None:
    folder = tmp_path / "iryo-0.0.1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: iryo\nVersion: 0.0.1\n")
    assert cluster.scheduler is not None
    cluster.scheduler.kill()
    cluster.start_scheduler(looking_first(tmp_path))
    cluster.worker()
    with (
        opened(cluster) as compute,
        pytest.raises(Conflict, match=r"the scheduler has iryo 0\.0\.1"),
    ):
        pids(compute)


def test_a_scheduler_that_cannot_take_a_call(cluster: Cluster, tmp_path: Path) -> None:
    """Its iryo says that it is ours and is not."""
    (tmp_path / "iryo").mkdir()
    (tmp_path / "iryo" / "__init__.py").touch()
    assert cluster.scheduler is not None
    cluster.scheduler.kill()
    cluster.start_scheduler(looking_first(tmp_path))
    cluster.worker()
    with opened(cluster) as compute:
        (one,) = compute.map_unordered(functions.double, [1])
    assert isinstance(one.error, Unavailable)
    assert "cannot take a call: " in str(one.error)


def looking_first(folder: Path) -> dict[str, str]:
    """The environment of a program that finds other packages in a folder."""
    return {"PYTHONPATH": f"{folder}{os.pathsep}{Path.cwd()}"}


def test_dask_leaves_signals_and_logs_alone(
    cluster: Cluster, capfd: pytest.CaptureFixture[str]
) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    cluster.worker()
    with opened(cluster) as compute:
        assert len(pids(compute)) == 1
        assert os.getpid() not in pids(compute)
    assert before == {number: signal.getsignal(number) for number in before}
    assert capfd.readouterr() == ("", "")


def test_an_item_that_takes_too_long(cluster: Cluster, tmp_path: Path) -> None:
    """Its worker leaves after that word, and its nanny starts it again."""
    worker = cluster.worker(nanny=True)
    never = str(tmp_path / "never")
    here = [str(tmp_path / f"here-{number}") for number in range(3)]
    for path in here:
        Path(path).touch()

    def seconds(path: str) -> float:
        return 0.5 if path == never else 60

    with opened(cluster) as compute:
        items = [here[0], never, *here[1:]]
        found = {
            one.item: one
            for one in compute.map_unordered(functions.wait_for, items, seconds=seconds)
        }
        late = found.pop(never).error
        assert type(late) is TookTooLong
        assert "longer than 0 seconds" in str(late)
        assert {one.result() for one in found.values()} == set(here)
        worker.wait_for("Registered to:", times=2)
        assert len(pids(compute)) == 1


def test_tls(tmp_path: Path) -> None:
    """With certificates that Dask's own configuration names; who has none gets nowhere."""
    key, certificate = certified(tmp_path)
    files = {
        f"distributed.comm.tls.{role}.{kind}": str(path)
        for role in ("scheduler", "worker", "client")
        for kind, path in (("key", key), ("cert", certificate))
    } | {"distributed.comm.tls.ca-file": str(certificate)}
    variables = {
        "DASK_" + name.upper().replace(".", "__").replace("-", "_"): path
        for name, path in files.items()
    }
    with Cluster(tls=variables) as cluster:
        cluster.worker()
        assert cluster.url.startswith("dask+tls://")
        with dask.config.set(files), open_compute(cluster.url) as compute:
            assert len(pids(compute)) == 1
        with open_compute(cluster.url) as compute, pytest.raises(InvalidInput, match="no certif"):
            pids(compute)
        plain = DaskExecutor(cluster.address.replace("tls:", "tcp:"), patience=1)
        with Compute(plain, workers=plain.workers) as compute, pytest.raises(Unavailable):
            pids(compute)


def certified(folder: Path) -> tuple[Path, Path]:
    """A key and a certificate that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dask")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return folder / "key.pem", folder / "cert.pem"


def test_dask_is_not_loaded_before_it_is_used() -> None:
    program = (
        "import sys; from iryo.app import open_app; from iryo.compute import open_compute; "
        "open_compute('dask://127.0.0.1:1').close(); "
        "sys.exit(bool({'dask', 'distributed', 'tornado'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_call_that_is_given_up_takes_no_other_with_it(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dask fetches what several calls answered in one task, and all of them wait for that."""
    cluster.worker()
    with DaskExecutor(cluster.address) as executor:
        assert executor.submit(functions.double, 1).result(60) == 2
        client = executor._client
        fetch = client._gather_remote
        both, go_on = threading.Event(), asyncio.Event()

        async def held(*given: Any, **named: Any) -> Any:
            # Once: what had gone by then is fetched again, by itself.
            while not both.is_set() and len(client._gather_keys) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # Dask tells nobody
            both.set()
            await go_on.wait()
            return await fetch(*given, **named)

        monkeypatch.setattr(client, "_gather_remote", held)
        given_up, wanted = (executor.submit(functions.double, n) for n in (2, 3))
        assert both.wait(60)
        assert given_up.cancel()
        client.loop.add_callback(go_on.set)
        assert wanted.result(60) == 6
        monkeypatch.undo()
        assert executor.submit(functions.double, 4).result(60) == 8
