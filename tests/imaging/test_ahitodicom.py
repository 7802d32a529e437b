"""AHItoDICOMInterface of PyPI, unmodified, fetches an image set equal to what was imported.

It starts processes and reads its keys from the environment (what it is given by argument it
passes on wrongly), so it runs in a process of its own.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from iryo.demo.make import ct_series
from tests.program import Program

FETCH = """
import sys
from AHItoDICOMInterface.AHItoDICOM import AHItoDICOM

store, study, folder, endpoint = sys.argv[1:]
helper = AHItoDICOM(AHI_endpoint=endpoint, fetcher_process_count=2, dicomizer_process_count=1)
for dataset in helper.DICOMizeByStudyInstanceUID(datastore_id=store, study_instance_uid=study):
    assert helper.saveAsDICOM(dataset, folder)
"""


def fetched(program: Program, tmp_path: Path, study: str) -> dict[str, pydicom.Dataset]:
    """SOP Instance UID -> what the helper made of it."""
    script = tmp_path / "fetch.py"
    script.write_text(FETCH)
    (store,) = [one["datastoreId"] for one in program.lines("datastores", "list")]
    with program.serving() as variables:
        ran = subprocess.run(
            [sys.executable, "-W", "ignore", script, store, study, tmp_path / "out",
             variables["AWS_ENDPOINT_URL"]],
            env=program.environment | variables | {"AWS_EC2_METADATA_DISABLED": "true"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    found = [pydicom.dcmread(path) for path in (tmp_path / "out").glob("*.dcm")]
    return {str(one.SOPInstanceUID): one for one in found}


def plain(dataset: pydicom.Dataset) -> dict[str, Any]:
    """What a data set says, without pixels, private elements and the character set of the file."""
    left = pydicom.Dataset()
    for element in dataset:
        if not element.tag.is_private and element.keyword not in (
            "PixelData",
            "SpecificCharacterSet",
        ):
            left.add(element)
    return dict(json.loads(left.to_json(suppress_invalid_tags=True)))


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm", "synthetic"])
def test_an_image_set_is_fetched_as_it_was_imported(tmp_path: Path, name: str) -> None:
    program = Program(tmp_path / "home")
    program.says("init")
    folder = tmp_path / "in"
    folder.mkdir()
    if name == "synthetic":
        for number, data in enumerate(ct_series(4), 1):
            (folder / f"{number}.dcm").write_bytes(data)
    else:
        shutil.copy(str(get_testdata_file(name)), folder)
    program.says("import", folder)
    originals = {str(one.SOPInstanceUID): one for one in map(pydicom.dcmread, folder.iterdir())}
    study = str(next(iter(originals.values())).StudyInstanceUID)
    found = fetched(program, tmp_path, study)
    assert set(found) == set(originals)
    for uid, original in originals.items():
        assert np.array_equal(found[uid].pixel_array, original.pixel_array)
        assert plain(found[uid]) == plain(original)
