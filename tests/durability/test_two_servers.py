"""Two servers on one database and one object store: they import the same series at once."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

from iryo.app import KEY_FILE
from tests.durability.trial import Trial, free_port

ROUNDS = 5
FILES = 24


def test_one_series_becomes_one_primary_image_set(trial: Trial, tmp_path: Path) -> None:
    """In each round both servers bring a series; what they bring overlaps in part or in whole."""
    shared = {"objects": trial.home.joinpath("objects").as_uri()}
    shared["database"] = f"sqlite:///{trial.home}/iryo.sqlite"
    trial.stores = shared | dict(trial.stores)
    home = tmp_path / "other"
    home.mkdir(mode=0o700)
    shutil.copy(trial.home / KEY_FILE, home / KEY_FILE)
    ports = (trial.port, free_port())
    barrier = Barrier(2)

    def bring(number: int, folder: Path) -> dict[str, Any]:
        client = trial.client(ports[number])
        barrier.wait()
        return trial.wait(trial.send(folder, client=client), client=client)

    with (
        trial.serving(port=ports[0]),
        trial.serving(port=ports[1], home=home),
        ThreadPoolExecutor(2) as both,
    ):
        for overlap in range(ROUNDS):
            whole = trial.files(FILES)
            part = tmp_path / "parts" / str(overlap)
            part.mkdir(parents=True)
            # In the first round the same files, then fewer and fewer of them.
            names = sorted(path.name for path in whole.iterdir())
            for name in names[overlap * FILES // (2 * ROUNDS) :]:
                shutil.copy(whole / name, part / name)
            for name in names[FILES - overlap * FILES // (2 * ROUNDS) :]:
                (whole / name).unlink()
            summaries = list(both.map(bring, (0, 1), (whole, part)))
            for summary, folder in zip(summaries, (whole, part), strict=True):
                count = len(list(folder.iterdir()))
                assert summary["numberOfScannedFiles"] == count
                assert summary["numberOfImportedFiles"] == count
    assert len(trial.sent) == ROUNDS * FILES
    assert trial.check_visible() == ROUNDS
    trial.check_complete()
