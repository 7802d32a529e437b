"""One server for all tests of DIMSE: it is what they have in common, and starts once."""

import shutil
from collections.abc import Iterator

import pytest

from tests.imaging.dimse.site import Site, serving


@pytest.fixture(scope="session")
def dimse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """`iryo serve` with DIMSE; its peers are TESTER, READER and FAR, who is somewhere else."""
    if shutil.which("echoscu") is None:
        pytest.skip("needs Debian's dcmtk")
    home = tmp_path_factory.mktemp("dimse") / "home"
    peers = ("TESTER",), ("READER", "--role", "reader"), ("FAR", "--from", "192.0.2.0/24")
    with serving(home, *peers) as made:
        yield made
