"""Apply the profile to a data set."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from pydicom import Dataset, FileMetaDataset
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import UID

from iryo.dicom.deidentify.beyond import blank, content, unnamed
from iryo.dicom.deidentify.cleaning import clean_text
from iryo.dicom.deidentify.private import is_safe
from iryo.dicom.deidentify.profile import BASIC, OPTIONS, Option, Profile
from iryo.dicom.deidentify.table import action_of
from iryo.dicom.deidentify.values import DUMMIES, Pseudonyms, shifted

__all__ = ["DeIdentifier", "Report"]

_PATIENT_ID: Final = 0x00100020
_PATIENT_NAME: Final = 0x00100010
_IMPLEMENTATION: Final = "1.2.826.0.1.3680043.9.7156.1.1"
_BURNED: Final = ("no", "likely", "yes")
_CONTENT: Final = 0x0040A730
_GO: Final = frozenset({0x00700001, 0x0040B020})
_TEXTS: Final = ("LO", "LT", "PN", "SH", "ST", "UC", "UT")
# PS3.3 C.7.6.1: without Burned In Annotation nobody knows; of these it is common.
_OFTEN_BURNED: Final = frozenset({"US", "IVUS", "ES", "XC", "SC", "OT", "RF", "XA", "GM", "DG"})


@dataclass(slots=True)
class Report:
    """What was done to one instance; no value of it.

    Attributes:
        removed, emptied, replaced, remapped, cleaned: how many attributes, by what was done.
        private: private attributes that were removed.
        burned_in: ``yes`` where the image says that text is burned into its pixels, ``likely``
            where it does not say and images of its kind often have some, else ``no``.
    """

    removed: int = 0
    emptied: int = 0
    replaced: int = 0
    remapped: int = 0
    cleaned: int = 0
    private: int = 0
    burned_in: str = "no"

    def add(self, other: "Report") -> None:
        """Count what was done to another instance too; of `burned_in` the worst remains."""
        for name in ("removed", "emptied", "replaced", "remapped", "cleaned", "private"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.burned_in = max(self.burned_in, other.burned_in, key=_BURNED.index)


@dataclass(frozen=True)
class _Case:
    """What holds for all of one instance."""

    report: Report
    shift: timedelta


@dataclass(frozen=True)
class DeIdentifier:
    """A profile and the secret from which pseudonyms follow.

    The same secret gives the same pseudonyms, UIDs and shifts, so what belongs together still does.

    Attributes:
        profile: the profile.
        secret: 16 bytes or more, known to those alone who may lead data back to patients.
    """

    profile: Profile
    secret: bytes = field(repr=False)

    @property
    def pseudonyms(self) -> Pseudonyms:
        """What follows from the secret."""
        return Pseudonyms(self.secret)

    def uid(self, uid: str) -> str:
        """The UID that stands for one of an instance, a series or a study."""
        return uid if Option.UIDS in self.profile.options else self.pseudonyms.uid(uid)

    def apply(self, dataset: Dataset) -> Report:
        """De-identify a data set in place, file meta information included."""
        report = Report(burned_in=_burned_in(dataset))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # real files break rules; that is not our business here
            patient_id = _first(dataset, _PATIENT_ID)
            names = self.pseudonyms
            case = _Case(report, names.shift(patient_id))
            self._walk(dataset, case)
            for tag in (_PATIENT_ID, _PATIENT_NAME):
                if tag in dataset:
                    vr = "PN" if tag == _PATIENT_NAME else "LO"
                    dataset[tag] = DataElement(tag, vr, names.patient(patient_id))
            self._mark(dataset)
            self._meta(dataset)
        return report

    # -------------------------------------------------------------------------------- attributes

    def _walk(self, dataset: Dataset, case: _Case) -> None:
        options = self.profile.options
        overlays: set[int] = set()
        doomed: list[BaseTag] = []
        for tag in list(dataset.keys()):
            if tag.is_private and Option.SAFE_PRIVATE in options and is_safe(dataset, tag):
                continue
            if tag.is_private or tag.group in {0x0000, 0x0002} or tag.element == 0:
                case.report.private += tag.is_private
                doomed.append(tag)  # not at once: who looks for its creator must find it
                continue
            vr = _vr(dataset, tag)
            if vr is None:  # of a later standard, or of none: nobody knows what it holds
                case.report.removed += 1
                del dataset[tag]
                continue
            action = action_of(tag, options) or unnamed(tag, vr, options)
            if action == "C" and tag.group & 0xFF00 in {0x5000, 0x6000}:
                action = "X"  # nobody can say what a bitmap shows
            self._act(dataset, tag, vr, action, case)
            if tag.group & 0xFF00 == 0x6000 and tag not in dataset:
                overlays.add(tag.group)
        for tag in doomed:
            del dataset[tag]
        for tag in [tag for tag in dataset.keys() if tag.group in overlays]:  # noqa: SIM118
            del dataset[tag]  # an overlay without its data is none

    def _act(
        self, dataset: Dataset, tag: BaseTag, vr: str, action: str | None, case: _Case
    ) -> None:
        report = case.report
        match action:
            case "X":
                report.removed += 1
                del dataset[tag]
            case "Z":
                report.emptied += 1
                dataset[tag] = DataElement(tag, vr, [] if vr == "SQ" else None)
            # A text where a UID belongs, in a file that is not as it should be, is no UID.
            case "D" | "U" if vr not in {"SQ", "UI"}:
                report.replaced += 1
                dataset[tag] = DataElement(tag, vr, DUMMIES[vr])
            case "D" if vr == "SQ":
                report.replaced += 1
                self._replace(dataset, tag)
            case "U" | "D" if vr == "UI":
                report.remapped += 1
                self._remap(dataset, tag)
            case "C" if vr != "SQ":
                report.cleaned += 1
                self._clean(dataset, tag, vr, case)
            case _:
                if dataset.get_item(tag).VR is None:
                    dataset[tag]  # read now: in files of mixed encodings it cannot be copied
                for item in _items(dataset, tag, vr):
                    self._walk(item, case)

    def _replace(self, dataset: Dataset, tag: BaseTag) -> None:
        """A dummy for a sequence. Graphics and annotations have none that makes sense: they go."""
        if tag in _GO:
            del dataset[tag]
            return
        items = dataset[tag].value or ()
        names = self.pseudonyms
        found = [content()] if tag == _CONTENT else [blank(item, names) for item in items]
        dataset[tag] = DataElement(tag, "SQ", Sequence(found))

    def _remap(self, dataset: Dataset, tag: BaseTag) -> None:
        names, value = self.pseudonyms, dataset[tag].value
        if not value:
            return
        texts = [value] if isinstance(value, str) else list(value)
        found = [UID(names.uid(str(text)), validation_mode=0) for text in texts]
        dataset[tag] = DataElement(tag, "UI", found if len(found) > 1 else found[0])

    def _clean(self, dataset: Dataset, tag: BaseTag, vr: str, case: _Case) -> None:
        if vr == "TM":
            return  # dates move by whole days
        if vr not in {"DA", "DT", *_TEXTS}:
            del dataset[tag]  # no rule cleans it
            return
        text = _text(dataset, tag)
        cleaned = shifted(text, case.shift) if vr in {"DA", "DT"} else clean_text(text)
        values = cleaned.split("\\")
        dataset[tag] = DataElement(tag, vr, values if len(values) > 1 else cleaned)

    # ------------------------------------------------------------------------- what was done to it

    def _mark(self, dataset: Dataset) -> None:
        """Say by which profile and options (PS3.15 E.2, PS3.3 C.7.1.1, C.12.1)."""
        options = self.profile.options
        codes = [BASIC, *(code for option, code in OPTIONS.items() if option in options)]
        dataset.PatientIdentityRemoved = "YES"
        dataset.DeidentificationMethod = [code.meaning[:64] for code in codes]
        items = []
        for code in codes:
            item = Dataset()
            item.CodeValue = code.value
            item.CodingSchemeDesignator = "DCM"
            item.CodeMeaning = code.meaning[:64]
            items.append(item)
        dataset.DeidentificationMethodCodeSequence = Sequence(items)
        dataset.LongitudinalTemporalInformationModified = (
            "UNMODIFIED"
            if Option.DATES in options
            else "MODIFIED"
            if Option.DATES_SHIFTED in options
            else "REMOVED"
        )

    def _meta(self, dataset: Dataset) -> None:
        """File meta information anew: who has written or sent the file is nobody's business."""
        before = getattr(dataset, "file_meta", None)
        if before is None:
            return
        meta = FileMetaDataset()
        meta.FileMetaInformationVersion = b"\0\1"
        meta.TransferSyntaxUID = before.TransferSyntaxUID
        kept = before.get("MediaStorageSOPClassUID", "")
        meta.MediaStorageSOPClassUID = UID(str(dataset.get("SOPClassUID") or kept))
        kept = self.pseudonyms.uid(str(before.get("MediaStorageSOPInstanceUID", "")))
        meta.MediaStorageSOPInstanceUID = UID(str(dataset.get("SOPInstanceUID") or kept))
        meta.ImplementationClassUID = UID(_IMPLEMENTATION)
        dataset.file_meta = meta
        if hasattr(dataset, "preamble"):
            dataset.preamble = bytes(128)


def _vr(dataset: Dataset, tag: BaseTag) -> str | None:
    """The VR of an element; None if it is UN and no dictionary knows the tag."""
    vr = dataset.get_item(tag).VR
    if vr and vr != "UN":
        return str(vr)
    try:
        found = dictionary_VR(tag)
    except KeyError:
        return None
    return found.split(" ")[0]


def _items(dataset: Dataset, tag: BaseTag, vr: str) -> Iterator[Dataset]:
    if vr == "SQ":
        yield from dataset[tag].value or ()


def _text(dataset: Dataset, tag: BaseTag) -> str:
    value: Any = dataset[tag].value
    if value is None:
        return ""
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return str(value)
    return "\\".join(str(one) for one in value)


def _first(dataset: Dataset, tag: int) -> str:
    return _text(dataset, BaseTag(tag)).split("\\")[0].strip() if tag in dataset else ""


def _burned_in(dataset: Dataset) -> str:
    said = str(dataset.get("BurnedInAnnotation", "") or "").strip().upper()
    if said == "YES":
        return "yes"
    if said == "NO" or "Rows" not in dataset:
        return "no"
    kind = str(dataset.get("Modality", "") or "").strip().upper()
    converted = "ConversionType" in dataset
    return "likely" if converted or kind in _OFTEN_BURNED else "no"
