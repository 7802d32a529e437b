"""Write docs/reference/deidentification.md from the table that the code works by.

python scripts/deidentification_page.py [--check]
"""

import sys
from pathlib import Path
from typing import Final

from pydicom.datadict import dictionary_description

from iryo.dicom.deidentify import OPTIONS, Option, rules
from iryo.dicom.deidentify.private import safe_private
from iryo.dicom.deidentify.table import Rule

PAGE: Final = Path(__file__).parents[1] / "docs" / "reference" / "deidentification.md"

_HEADS: Final = {
    Option.UIDS: "UIDs",
    Option.DEVICE: "device",
    Option.INSTITUTION: "inst.",
    Option.PATIENT: "patient",
    Option.DATES: "dates",
    Option.DATES_SHIFTED: "shifted",
    Option.DESCRIPTORS: "desc.",
    Option.STRUCTURED_CONTENT: "struct.",
    Option.GRAPHICS: "graph.",
}
_GROUPS: Final = {
    "50xxxxxx": "Curves",
    "60xx3000": "Overlay Data",
    "60xx4000": "Overlay Comments",
}

_BEGINNING: Final = """\
# De-identification, attribute by attribute

`iryo export --deidentify` and the retrieval of de-identified instances over DICOMweb work by the
Application Level Confidentiality Profile of PS3.15 annex E. [How to use it](../how-to/deidentify.md).
This page is written from the table in the program by `scripts/deidentification_page.py`.

## Actions

| | is | as done here |
| --- | --- | --- |
| X | remove | |
| Z | empty | also of a sequence |
| D | a dummy | `ANONYMIZED`, 19000101, 0, by VR; see below of sequences |
| U | another UID | `2.25.` and a UUID that follows from the UID and the secret by HMAC-SHA-256; UIDs of the standard (`1.2.840.10008.`) stay |
| C | clean | dates move by whole days; of text only [safe words](#text) stay |
| K | keep | items of a sequence are gone through all the same |

Of actions that depend on the type of an attribute (X/Z, X/D, Z/D, X/Z/D, X/Z/U*) the last is done: it keeps
the object conformant whatever the type is. Where two options speak of an attribute, K goes before C.

## What the table leaves open

- **Patient's Name and Patient ID** get a pseudonym of ten letters that follows from the Patient ID and the
  secret, the same in both and the same for all data of the patient.
- **Sequences with D**: each value in them gets a dummy. A Content Sequence becomes one item that says
  `ANONYMIZED`; graphic and waveform annotations go.
- **Private attributes** go, those of unknown tags too; with `safe-private` those of table E.3.10-1 stay
  ([below](#safe-private)), with the creators of their blocks.
- **What the table does not name** stays, but for: names of persons (PN), which become dummies; free text (ST,
  LT, UT, and what is called comment or notes), which becomes a dummy or is cleaned with `descriptors` or
  `structured-content`; dates (DA, DT), which are treated as others are; links (UR), which go; all else of the
  groups of patient, visit and results (0010, 0038, 4008) but the species, and Position Reference Indicator,
  where real scanners write a description of the study: these are emptied.
- **Overlays, curves and icons** go, with `graphics` too: nobody can say what a bitmap shows. With `graphics`
  the shapes of graphic annotations stay, their texts become dummies.
- **Encapsulated documents** (PDF, CDA, STL) become two zero bytes. Waveforms stay, their annotations go.
- **File meta information and preamble** are written anew: who sent or wrote the file is not in it.
- **What follows the pixel data** (trailing padding, signatures) goes. Pixel data stays byte for byte.

## Dates { #dates }

With `dates-shifted` all dates of a patient move into the past by the same number of days, 30 to 3649, that
follows from the Patient ID and the secret: order and intervals stay, leap days are counted, times of day and
offsets from UTC stay. A value that is no whole date (a year alone in a DT) is emptied. Without a Patient ID
all move by the same number. Longitudinal Temporal Information Modified says REMOVED, UNMODIFIED or MODIFIED.

## Text { #text }

No rule finds every name. So a text is cleaned by keeping words that stand in a list of anatomy, technique and
planes (`data/safe_words.txt`), and numbers of up to three digits; all else goes.

## Pixels { #pixels }

Pixels are not looked at. Text in them is the user's to find: an image that says so itself (Burned In
Annotation YES), and one that does not say and is of a kind that often has some (US, IVUS, ES, XC, SC, OT, RF,
XA, GM, DG, or converted), is named, and left out with `--refuse-burned-in`. A face can be recognised in a CT
or MR of the head; no option here prevents that.

## What is written into each instance

Patient Identity Removed YES, Deidentification Method in words, and as Code Sequence of CID 7050:

| option | code | meaning |
| --- | --- | --- |
"""  # noqa: E501 - a page


def page() -> str:
    """The whole page."""
    lines = [
        _BEGINNING.rstrip("\n"),
        "| (always) | 113100 | Basic Application Confidentiality Profile |",
    ]
    lines += [f"| `{option}` | {code.value} | {code.meaning} |" for option, code in OPTIONS.items()]
    lines += ["", "## Attributes (table E.1-1)", ""]
    lines += ["| tag | name | basic | " + " | ".join(_HEADS.values()) + " |"]
    lines += ["| --- " * (3 + len(_HEADS)) + "|"]
    lines += [_row(rule) for rule in rules().values()]
    lines += ["", "## Safe private attributes { #safe-private }", "", "| creator | attributes |"]
    lines += ["| --- | --- |"]
    for creator, found in safe_private().items():
        tags = ", ".join(f"({one[:4]},{one[4:]})" for one in sorted(found))
        lines.append(f"| {creator} | {tags} |")
    return "\n".join(lines) + "\n"


def _row(rule: Rule) -> str:
    pattern = rule.pattern
    name = _GROUPS.get(pattern)
    if name is None:
        try:
            name = dictionary_description(int(pattern, 16))
        except KeyError:
            name = "(unknown to the dictionary)"
    cells = [f"({pattern[:4]},{pattern[4:]})", name, rule.basic]
    cells += [rule.options.get(option, "") for option in _HEADS]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(PAGE.read_text() != page())
    PAGE.write_text(page())
