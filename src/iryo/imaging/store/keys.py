"""The keys of the objects of the imaging room."""

__all__ = ["dicom_json_key", "document_key", "inbox_key", "pack_key"]


def pack_key(datastore_id: str, pack_id: str) -> str:
    """The object that holds frames, headers and documents of instances imported together."""
    return f"packs/{datastore_id}/{pack_id[:2]}/{pack_id}"


def inbox_key(datastore_id: str, object_id: str) -> str:
    """The object that holds files as their sender brought them, until they are in packs.

    There are few at a time: folders below, each of which costs a wait for the disk, are not wanted.
    """
    return f"inbox/{datastore_id}/{object_id}"


def document_key(datastore_id: str, image_set_id: str, version: int, salt: str) -> str:
    """The gzip object with the metadata of one version of an image set.

    `salt` keeps apart what two processes write for the same version before one of them wins.
    """
    return f"documents/{datastore_id}/{image_set_id[:2]}/{image_set_id}/{version}-{salt}.json.gz"


def dicom_json_key(datastore_id: str, image_set_id: str, version: int, salt: str) -> str:
    """The gzip object with the metadata of a version as DICOM JSON, beside its document.

    `salt` begins with the hash of what is in it.
    """
    folder = f"documents/{datastore_id}/{image_set_id[:2]}/{image_set_id}"
    return f"{folder}/{version}-{salt}.dicom.json.gz"
