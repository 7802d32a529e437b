"""Edits of metadata documents: what UpdateImageSetMetadata and CopyImageSet ask for.

Pure: a document and a request make a new document, or an error that says why not. The rules are
those of the developer guide's page "Updating image set metadata"; which attributes may be edited,
and to what values, is in `constraints`.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from iryo.errors import Conflict, InvalidInput
from iryo.imaging.constraints import check_attribute
from iryo.imaging.documents import (
    LEVELS,
    Document,
    InstanceDocument,
    absorb,
    document_identity,
    instances_of,
    level,
    series_of,
    subset,
)

__all__ = ["Edit", "apply_edit", "copy_into", "parse_attributes", "selected_instances"]


@dataclass(frozen=True, slots=True)
class Edit:
    """Attributes to set and to remove, in the shape of a document with only those in it."""

    updatable: dict[str, Any] | None
    removable: dict[str, Any] | None

    def touches(self) -> set[str]:
        """The levels that the edit names: Patient, Study, Series, Instance."""
        found = set()
        for tree in (self.updatable, self.removable):
            for name, _, _ in _walk(tree or {}):
                found.add(name)
        return found

    def keywords(self) -> set[str]:
        """All attributes that the edit names."""
        trees = (self.updatable or {}, self.removable or {})
        return {keyword for tree in trees for _, _, part in _walk(tree) for keyword in part}


def parse_attributes(blob: bytes | str, where: str) -> dict[str, Any]:
    """The JSON of updatable, removable or copiable attributes.

    JSON that is base64 once more is taken too: the AWS CLI of version 1 does not encode blobs,
    and the guide's examples show them encoded.

    Raises:
        InvalidInput: if it is no JSON object, or of another SchemaVersion.
    """
    data = blob.encode() if isinstance(blob, str) else bytes(blob)
    if not data.lstrip().startswith(b"{"):
        try:
            data = base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError):
            raise InvalidInput(f"{where} is no JSON object", where=where) from None
    try:
        tree = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(
            f"{where} is no JSON: {error.msg} at position {error.pos}", where=where
        ) from None
    if not isinstance(tree, dict):
        raise InvalidInput(f"{where} is no JSON object", where=where)
    if str(tree.get("SchemaVersion", "1.1")) != "1.1":
        raise InvalidInput(f"{where}: SchemaVersion 1.1 expected", where=where)
    _check_form(tree)
    return tree


def apply_edit(document: Document, edit: Edit, *, force: bool) -> tuple[Document, dict[str, str]]:
    """The document after the edit: first what is removed, then what is set.

    Returns also, for each instance that is left, the SOP Instance UID that it had before.

    Raises:
        InvalidInput: if the edit breaks a constraint; the message names level and attribute.
    """
    result = absorb(document, [])
    for tree, change in ((edit.removable, _remove), (edit.updatable, _set)):
        if tree is None:
            continue
        _check_names(tree, result)
        for name, uid, part in list(_walk(tree)):
            for keyword, value in part.items():
                check_attribute(name, keyword, value, force=force, removing=change is _remove)
                change(result, name, uid, keyword, value)
    if edit.removable is not None:
        _remove_instances(result, edit.removable)
    return _rekey(result)


def _walk(tree: Mapping[str, Any]) -> Iterator[tuple[str, str | None, dict[str, Any]]]:
    """(level, SOP Instance UID or None, attributes) for each DICOM part of a tree."""
    study = tree.get("Study") or {}
    for name, holder in (("Patient", tree.get("Patient") or {}), ("Study", study)):
        if holder.get("DICOM"):
            yield name, None, holder["DICOM"]
    for each in (study.get("Series") or {}).values():
        series = each or {}
        if series.get("DICOM"):
            yield "Series", None, series["DICOM"]
        for uid, instance in (series.get("Instances") or {}).items():
            if instance and instance.get("DICOM"):
                yield "Instance", uid, instance["DICOM"]


def _check_form(tree: Mapping[str, Any]) -> None:
    """That a tree has the form of a document, whatever it names; `_walk` relies on it."""
    unknown = set(tree) - {"SchemaVersion", "Patient", "Study"}
    if unknown:
        raise InvalidInput(f"{min(unknown)} cannot be edited", where=min(unknown))
    study = _mapping(tree.get("Study"), "Study")
    for name, holder in (("Patient", _mapping(tree.get("Patient"), "Patient")), ("Study", study)):
        _mapping(holder.get("DICOM"), f"{name}.DICOM")
    for each in _mapping(study.get("Series"), "Study.Series").values():
        series = _mapping(each, "Series")
        _mapping(series.get("DICOM"), "Series.DICOM")
        for instance in _mapping(series.get("Instances"), "Series.Instances").values():
            _mapping(_mapping(instance, "Instance").get("DICOM"), "Instance.DICOM")


def _check_names(tree: Mapping[str, Any], document: Document) -> None:
    """That the series and the instances that a tree names are in the document."""
    uid, _ = series_of(document)
    for name, series in ((tree.get("Study") or {}).get("Series") or {}).items():
        if name != uid:
            raise InvalidInput(f"series {name} is not in the image set", where="Study.Series")
        for sop in (series or {}).get("Instances") or {}:
            if sop not in instances_of(document):
                raise InvalidInput(
                    f"instance {sop} is not in the image set", where="Series.Instances"
                )


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidInput(f"{where}: a JSON object expected", where=where)
    return value


def _set(document: Document, name: str, uid: str | None, keyword: str, value: Any) -> None:
    if name == "Instance":
        _replace(document, str(uid), {**instances_of(document)[str(uid)]["DICOM"], keyword: value})
        return
    level(document, name)[keyword] = value
    _forget(document, keyword)


def _remove(document: Document, name: str, uid: str | None, keyword: str, _: Any) -> None:
    if name == "Instance":
        rest = dict(instances_of(document)[str(uid)]["DICOM"])
        rest.pop(keyword, None)
        _replace(document, str(uid), rest)
        return
    level(document, name).pop(keyword, None)
    _forget(document, keyword)


def _forget(document: Document, keyword: str) -> None:
    """Take away what instances say of an attribute that is now said for all of them."""
    for uid, instance in instances_of(document).items():
        if keyword in instance["DICOM"]:
            _replace(document, uid, {k: v for k, v in instance["DICOM"].items() if k != keyword})


def _replace(document: Document, uid: str, attributes: dict[str, Any]) -> None:
    instances = instances_of(document)
    instances[uid] = {**instances[uid], "DICOM": attributes}


def _remove_instances(document: Document, tree: Mapping[str, Any]) -> None:
    """Instances named with nothing in them are removed themselves."""
    for series in ((tree.get("Study") or {}).get("Series") or {}).values():
        if not series:
            raise InvalidInput(
                "an image set cannot lose its only series; delete the image set",
                where="Study.Series",
            )
        for sop, instance in (series.get("Instances") or {}).items():
            if not instance:
                instances_of(document).pop(sop, None)
    if not instances_of(document):
        raise InvalidInput(
            "an image set cannot lose its last instance; delete the image set",
            where="Study.Series.Instances",
        )


def _rekey(document: Document) -> tuple[Document, dict[str, str]]:
    """File series and instances under the UIDs that they have now; new UID -> old UID."""
    uid, series = series_of(document)
    instances: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for sop, instance in series["Instances"].items():
        now = str(instance["DICOM"].get("SOPInstanceUID", sop))
        if now in instances:
            raise InvalidInput(
                f"two instances would have SOP Instance UID {now}", where="SOPInstanceUID"
            )
        instances[now] = instance
        origins[now] = sop
    now_uid = str(series["DICOM"].get("SeriesInstanceUID", uid))
    document["Study"]["Series"] = {now_uid: {**series, "Instances": instances}}
    return document, origins


def selected_instances(document: Document, tree: Mapping[str, Any] | None) -> list[str]:
    """The SOP Instance UIDs that `copiableAttributes` names; all of them if it is None.

    Raises:
        InvalidInput: if it names a series or an instance that is not in the document, or none.
    """
    if tree is None:
        return list(instances_of(document))
    _check_names(tree, document)
    uid, _ = series_of(document)
    series = ((tree.get("Study") or {}).get("Series") or {}).get(uid)
    if series is None:
        raise InvalidInput(
            "copiableAttributes names no series of the image set", where="copiableAttributes"
        )
    named = list((series or {}).get("Instances") or {})
    return named or list(instances_of(document))


def copy_into(
    source: Document, chosen: list[str], destination: Document, *, force: bool
) -> Document:
    """The destination with instances of the source; its own levels stay as they are.

    Raises:
        Conflict: if an instance is there already, or the two disagree and `force` is not set.
    """
    present = instances_of(destination)
    for uid in chosen:
        if uid in present:
            raise Conflict(f"instance {uid} is in the destination image set already")
    agrees = document_identity(source) == document_identity(destination)
    if not agrees and not force:
        raise Conflict(
            "source and destination image sets differ at Patient, Study or Series level;"
            " force copies all the same and keeps the destination's"
        )
    parts = subset(source, chosen)
    if not agrees:
        patient, study, series = (dict(level(destination, name)) for name in LEVELS)
        parts = [
            InstanceDocument(part.sop_instance_uid, patient, study, series, part.instance)
            for part in parts
        ]
    return absorb(destination, parts)
