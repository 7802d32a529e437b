"""Make src/iryo/dicom/data/levels.json: which attributes belong to patient, study and series.

The attributes are those of the PS3.3 modules named in `MODULES`, macros included, as highdicom
(MIT) tabulates them in `_standard/module_attribute_map.json`, top level only. AWS HealthImaging
documents its own lists ("Metadata normalization" in its developer guide), made from the same
modules of the 2022b edition; `LATER` and `EARLIER` are what makes ours equal to those.
Run again after a new highdicom: `.venv/bin/python scripts/make_levels.py`.
"""

from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Final

import orjson

TARGET: Final = Path(__file__).resolve().parent.parent / "src/iryo/dicom/data/levels.json"

MODULES: Final = {
    "patient": ("patient", "clinical-trial-subject"),
    "study": ("general-study", "patient-study", "clinical-trial-study"),
    "series": (
        "general-series",
        "clinical-trial-series",
        "general-equipment",
        "frame-of-reference",
    ),
}
# In these modules today, but with the instance in AWS's lists.
LATER: Final = frozenset(
    {
        "CommentsOnThePerformedProcedureStep",
        "ClinicalTrialTimePointTypeCodeSequence",
        "DateOfInstallation",
        "DateOfManufacture",
        "EthnicGroupCodeSequence",
        "IssuerOfClinicalTrialProtocolID",
        "IssuerOfClinicalTrialSeriesID",
        "IssuerOfClinicalTrialSiteID",
        "IssuerOfClinicalTrialSubjectID",
        "IssuerOfClinicalTrialSubjectReadingID",
        "IssuerOfClinicalTrialTimePointID",
        "OtherClinicalTrialProtocolIDsSequence",
        "PerformedProcedureStepDescription",
        "PerformedProcedureStepEndDate",
        "PerformedProcedureStepEndTime",
        "PerformedProcedureStepID",
        "PerformedProcedureStepStartDate",
        "PerformedProcedureStepStartTime",
        "PerformedProtocolCodeSequence",
    }
)
# Retired since, and in AWS's lists.
EARLIER: Final = {"patient": ("EthnicGroup",), "study": (), "series": ()}


def main() -> None:
    """Write the table."""
    table = orjson.loads(
        files("highdicom").joinpath("_standard/module_attribute_map.json").read_bytes()
    )
    levels: dict[str, object] = {
        "source": f"PS3.3 modules by highdicom {version('highdicom')}, scripts/make_levels.py"
    }
    for level, modules in MODULES.items():
        keywords = {
            entry["keyword"] for module in modules for entry in table[module] if not entry["path"]
        }
        levels[level] = sorted((keywords - LATER) | set(EARLIER[level]))
    TARGET.write_bytes(orjson.dumps(levels, option=orjson.OPT_INDENT_2) + b"\n")


if __name__ == "__main__":
    main()
