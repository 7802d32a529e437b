"""A real Dask cluster passes the suite; and what happens when workers or the scheduler go."""

import pickle
import platform
from collections.abc import Iterator
from typing import Any

import pytest

from iryo import __version__
from iryo.compute import Compute, open_compute
from iryo.compute.dask import carry_out
from iryo.errors import Conflict
from tests.compute import functions
from tests.compute.compute_suite import ComputeSuite
from tests.grown.dask import Cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two workers, which these tests leave alive."""
    with Cluster() as cluster:
        cluster.worker()
        cluster.worker()
        yield cluster


@pytest.fixture(scope="module")
def warm(cluster: Cluster) -> Iterator[Compute]:
    with open_compute(cluster.url) as compute:
        yield compute


def call(function: Any, *given: Any) -> bytes:
    return pickle.dumps(({}, function, given, {}))


def test_the_workers_side() -> None:
    """As a worker calls it; it is in a process of its own otherwise."""
    ours = (__version__, ".".join(platform.python_version_tuple()[:2]))
    assert pickle.loads(carry_out(ours, call(functions.double, 3)))[0] == 6
    assert pickle.loads(carry_out(ours, call(functions.double, 3), within=60))[0] == 6
    _, error, _ = pickle.loads(carry_out(ours, call(functions.odd_fails, 3)))
    assert isinstance(error, ValueError)
    _, error, _ = pickle.loads(carry_out(("0.0.1", ours[1]), call(functions.double, 3)))
    assert isinstance(error, Conflict)
    assert "who asks has iryo 0.0.1 and Python" in str(error)


class TestDask(ComputeSuite):
    @pytest.fixture
    def compute(
        self, cluster: Cluster, warm: Compute, request: pytest.FixtureRequest
    ) -> Iterator[Compute]:
        """One for all, but for the test that closes it."""
        if "after_closing" in request.node.name:
            with open_compute(cluster.url) as compute:
                yield compute
        else:
            yield warm
