"""The tables and the object keys of the imaging room.

What is searched and what must be consistent is rows; pixels, headers and metadata documents are
immutable objects. A version of an image set is a row that names its document; a frame is found by
the row of its instance, so that a million frames are not a million rows.
"""

from iryo.imaging.store.care import care_cursors, damage, holds, retention_rules, retired
from iryo.imaging.store.catalogue import series, studies
from iryo.imaging.store.coming import IMPORT_KIND, arrivals, file_hash, staged_files
from iryo.imaging.store.keys import dicom_json_key, document_key, inbox_key, pack_key
from iryo.imaging.store.peers import peers
from iryo.imaging.store.sets import (
    datastores,
    image_set_members,
    image_set_terms,
    image_set_versions,
    image_sets,
    instances,
    resource_tags,
)

__all__ = [
    "IMPORT_KIND",
    "arrivals",
    "care_cursors",
    "damage",
    "datastores",
    "dicom_json_key",
    "document_key",
    "file_hash",
    "holds",
    "image_set_members",
    "image_set_terms",
    "image_set_versions",
    "image_sets",
    "inbox_key",
    "instances",
    "pack_key",
    "peers",
    "resource_tags",
    "retention_rules",
    "retired",
    "series",
    "staged_files",
    "studies",
]
