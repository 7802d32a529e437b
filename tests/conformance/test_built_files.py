"""Files such as are met in practice and not given away: each is taken as it should, or told of."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRLittleEndian

from iryo.app import App
from tests.conformance import checks, oracle
from tests.conformance.build import Case
from tests.conformance.cases_files import DATA_SETS, SURROUNDINGS
from tests.conformance.cases_pixels import COMPRESSED, ENCODINGS, NATIVE
from tests.conformance.place import Brought, Refusal, bring, installation

CASES = (*NATIVE, *ENCODINGS, *COMPRESSED, *DATA_SETS, *SURROUNDINGS)


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with installation() as app:
        yield app


def taken(app: App, case: Case, folder: Path) -> Brought:
    path = folder / "file"
    path.write_bytes(case.data)
    brought = bring(app, path)
    assert isinstance(brought, Brought), brought
    return brought


@pytest.mark.parametrize("case", [c for c in CASES if c.refused], ids=lambda case: case.name)
def test_what_is_refused_says_why(app: App, case: Case, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(case.data)
    refusal = bring(app, path)
    assert isinstance(refusal, Refusal)
    assert refusal.kind == case.refused
    assert case.says in refusal.message


@pytest.mark.parametrize("case", [c for c in CASES if not c.refused], ids=lambda case: case.name)
def test_what_is_taken(app: App, case: Case, tmp_path: Path) -> None:
    brought = taken(app, case, tmp_path)
    assert {warning["WarningReason"] for warning in brought.warnings} == case.warnings
    assert any(case.says in warning["Message"] for warning in brought.warnings) or not case.says
    original = brought.exported()
    with oracle.quiet():
        if case.pydicom:
            theirs = oracle.metadata(oracle.load(case.data))
            assert checks.values(brought, theirs) == []
            assert oracle.different_elements(oracle.load(case.data), oracle.load(original)) == []
    if case.exact:
        assert original.endswith(case.data[checks.dataset_start(case.data) :])
    if case.frames is not None:
        assert checks.frames(brought, case.frames, None) == []
    if case.kept is not None:
        assert [data.rstrip(b"\0") for _, data, _ in brought.frames()] == [
            frame.rstrip(b"\0") for frame in case.kept
        ]


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.frames and c.decodes], ids=lambda case: case.name
)
def test_pixels_come_out_for_others(app: App, case: Case, tmp_path: Path) -> None:
    """What is exported as Explicit VR Little Endian, pydicom decodes to the same samples."""
    assert case.frames is not None
    data = taken(app, case, tmp_path).exported(ExplicitVRLittleEndian)
    with oracle.quiet():
        dataset = oracle.load(data)
        assert oracle.same(oracle.frames(dataset), list(case.frames))
