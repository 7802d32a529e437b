"""web/tests/expected.json is what numpy finds: what the viewer's own code is compared with."""

import json
from typing import Any

import pytest

from tests.viewer_expected import PATH, expected


def test_expected_is_what_numpy_finds() -> None:
    kept, found = json.loads(PATH.read_text()), json.loads(json.dumps(expected()))
    assert kept["colours"]
    if found["colours"] is None:  # this Python has no highdicom
        found["colours"] = kept["colours"]
    _same(kept, found, "")


def _same(kept: Any, found: Any, where: str) -> None:
    if isinstance(found, dict):
        assert kept.keys() == found.keys(), where
        for name, one in found.items():
            _same(kept[name], one, f"{where}.{name}")
    elif isinstance(found, list):
        assert len(kept) == len(found), where
        for number, one in enumerate(found):
            _same(kept[number], one, f"{where}[{number}]")
    elif isinstance(found, float):
        assert kept == pytest.approx(found, rel=1e-9, abs=2e-6), where
    else:
        assert kept == found, where
