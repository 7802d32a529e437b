import importlib.util
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

from tests.doctor.patient import found, one


def test_extras_that_are_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {
        "database": "postgresql://localhost/x",
        "objects": "s3://bucket",
        "compute": "dask://localhost:1",
        "otel_endpoint": "http://localhost:1",
    }
    assert one(tmp_path, "extras")[:2] == ("ok", "none is needed")
    assert one(tmp_path, "extras", **asked)[:2] == (
        "ok",
        "needed and there: postgres, dask, s3, otel",
    )
    looked = importlib.util.find_spec

    def absent(name: str, package: str | None = None) -> object:
        if name.startswith("opentelemetry"):
            raise ModuleNotFoundError(name)
        return None if name == "psycopg" else looked(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", absent)
    told = found(tmp_path, "extras", **asked)
    assert [(one.level.value, one.advice) for one in told] == [
        ("fail", "pip install 'iryo[postgres]'"),
        ("fail", "pip install 'iryo[otel]'"),
    ]


@pytest.mark.parametrize(
    ("decoded", "words"),
    [(lambda _: np.zeros((64, 64), np.int16), "another picture"), (lambda _: 1 / 0, "cannot do")],
    ids=["other", "raises"],
)
def test_codecs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoded: Any, words: str) -> None:
    assert one(tmp_path, "codecs")[0] == "ok"
    monkeypatch.setattr(imagecodecs, "htj2k_decode", decoded)
    level, text, _ = one(tmp_path, "codecs")
    assert (level, words in text) == ("fail", True)


def test_few_open_files(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    try:
        level, text, _ = one(tmp_path, "open files")
        assert (level, "512" in text) == ("warn", True)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft >= 1024:
        assert one(tmp_path, "open files")[0] == "ok"


def test_a_process_that_knows_ascii_alone(tmp_path: Path) -> None:
    code = (
        "from iryo.doctor.machine import languages; from iryo.doctor import Case;"
        "from tests.doctor.patient import settings_of; from pathlib import Path;"
        f"print([f.level.value for f in languages(Case(settings_of(Path({str(tmp_path)!r}))))])"
    )
    environment = {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert ran.stdout.strip() == "['warn']"
    assert one(tmp_path, "languages")[0] == "ok"


def test_a_clock_of_another_age(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert one(tmp_path, "languages")[0] == "fail"
