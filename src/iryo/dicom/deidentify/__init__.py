"""De-identification: the Basic Application Level Confidentiality Profile and its options.

PS3.15 annex E. What is done to each attribute stands in a table (`data/confidentiality.json`); what
the table does not name is kept, except private attributes, those that no dictionary knows, and what
`beyond` says.
"""

from iryo.dicom.deidentify.engine import DeIdentifier, Report
from iryo.dicom.deidentify.files import deidentify_file
from iryo.dicom.deidentify.profile import OPTIONS, Option, Profile
from iryo.dicom.deidentify.table import Rule, action_of, rules

__all__ = [
    "OPTIONS",
    "DeIdentifier",
    "Option",
    "Profile",
    "Report",
    "Rule",
    "action_of",
    "deidentify_file",
    "rules",
]
