"""What is opened by which name."""

import importlib.util
import os
import threading

import psutil
import pytest

from iryo.compute import open_compute
from iryo.errors import InvalidInput, Unavailable


def test_opening_starts_nothing() -> None:
    children, threads = psutil.Process().children(), threading.active_count()
    for spec in ("inline", "processes", "processes:8", "dask://127.0.0.1:1", "dask+tls://[::1]:1"):
        with open_compute(spec):
            assert psutil.Process().children() == children
            assert threading.active_count() == threads


def test_how_many() -> None:
    assert open_compute("inline").workers == 1
    assert open_compute("processes").workers == len(os.sched_getaffinity(0))
    assert open_compute("processes:3").workers == 3
    assert open_compute("dask://127.0.0.1:1").workers == 0, "not known before there is work"


def test_dask_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(Unavailable, match=r"needs the extra dask: pip install 'iryo\[dask\]'"):
        open_compute("dask://127.0.0.1:8786")


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "threads",
        "inline:2",
        "processes:",
        "processes:0",
        "processes:-1",
        "processes:two",
        "processes:1.5",
        "processes:٣",
        "processes:99999",
        "processes: 2",
        "dask",
        "dask:",
        "dask://",
        "dask://host",
        "dask://:8786",
        "dask://host:many",
        "dask://host:99999",
        "dask://name:word@host:8786",
        "dask://[::1:8786",
        "tcp://host:8786",
    ],
)
def test_what_is_no_compute(spec: str) -> None:
    with pytest.raises(InvalidInput, match="expected") as caught:
        open_compute(spec)
    assert caught.value.where == "compute"
