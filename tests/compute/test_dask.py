"""A real Dask cluster passes the suite; and what happens when workers or the scheduler go."""

from collections.abc import Iterator

import pytest

from iryo.compute import Compute, open_compute
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
