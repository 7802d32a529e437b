"""Rows of an installation with any number of image sets; `_loading` writes them.

Everything follows from the seed and the counts. Rows come in the order of their primary keys, and
indexes are made when the rows are there; yet neighbours have nothing in common, as with real ids.
There are rows only: no pack and no document, so frames and metadata of these cannot be read.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from hashlib import blake2b
from types import SimpleNamespace
from typing import Any, Final

import orjson
from sqlalchemy import Table

from _people import Person, person
from iryo.imaging.attributes import Level, needed, others
from iryo.imaging.documents import sortable_datetime
from iryo.imaging.names import terms
from iryo.imaging.service.catalogue import of_series, study_row
from iryo.imaging.store import (
    document_key,
    image_set_members,
    image_set_terms,
    image_set_versions,
    image_sets,
    instances,
    pack_key,
    series,
    studies,
)

__all__ = ["Scale", "columns_of"]

_MODALITIES: Final = (("CT", "1.2.840.10008.5.1.4.1.1.2"), ("MR", "1.2.840.10008.5.1.4.1.1.4"),
                      ("CR", "1.2.840.10008.5.1.4.1.1.1"), ("US", "1.2.840.10008.5.1.4.1.1.6.1"),
                      ("DX", "1.2.840.10008.5.1.4.1.1.1.1"))  # fmt: skip
_PARTS: Final = ("HEAD", "CHEST", "ABDOMEN", "PELVIS", "KNEE", "SPINE", None)
_FIRST_DAY: Final = date(2016, 1, 1)
_DAYS: Final = 3_900
_EPOCH_MICROS: Final = 1_451_606_400_000_000  # of _FIRST_DAY
_DAY_MICROS: Final = 86_400_000_000
_SERIES_PER_STUDY: Final = 3
_STUDIES_PER_PATIENT: Final = 2
_REMEMBERED: Final = 120_000  # studies, of about a kilobyte


@dataclass(frozen=True)
class Scale:
    """What is made in a data store: `sets` image sets of `held` instances each."""

    datastore_id: str
    sets: int
    held: int = 3
    seed: int = 1

    # ---------------------------------------------------------------------- how numbers are mixed

    @cached_property
    def _sets_step(self) -> int:
        return _coprime(self.sets)

    @cached_property
    def _instances_step(self) -> int:
        return _coprime(self.sets * self.held)

    def _mixed(self, *parts: object) -> int:
        """64 bits that follow from the seed and `parts`."""
        text = ":".join(map(str, (self.seed, *parts)))
        return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())

    def set_id(self, place: int) -> str:
        """The id of the image set that is `place`th in the order of ids."""
        return _spread(place, self.sets, self._mixed("set", place), 32)

    def _instance_key(self, place: int) -> str:
        return _spread(place, self.sets * self.held, self._mixed("instance", place), 26)

    def _key_of(self, place: int, index: int) -> str:
        """The key of instance `index` of the image set at `place`."""
        total = self.sets * self.held
        slot = place * self.held + index
        return self._instance_key(slot * self._instances_step % total)

    def number_of(self, place: int) -> int:
        """Which of all series the image set at `place` holds: the order of their studies."""
        return place * self._sets_step % self.sets

    # -------------------------------------------------------------------------- who and when it is

    def study_of(self, place: int) -> int:
        """The number of its study."""
        return self.number_of(place) // _SERIES_PER_STUDY

    def patient_of(self, study: int) -> int:
        """The number of a study's patient."""
        patients = max(1, self.sets // _SERIES_PER_STUDY // _STUDIES_PER_PATIENT)
        return self._mixed("patient of", study) % patients

    def person_of(self, patient: int) -> Person:
        """Who that is."""
        return person(self._mixed("person", patient))

    def patient_id(self, patient: int) -> str:
        """Eight digits."""
        return f"{patient:08}"

    def accession(self, study: int) -> str:
        """An accession number."""
        return f"ACC{study:08}"

    def _description(self, study: int) -> str:
        mixed = self._mixed("study", study)
        modality = _MODALITIES[(mixed >> 8) % len(_MODALITIES)][0]
        return f"{modality} {_PARTS[mixed % 7] or 'whole body'}"

    # ------------------------------------------------------------------------------------ the rows

    def set_rows(self) -> Iterator[tuple[Any, ...]]:
        """Rows of `image_sets`, without `message`, `locked_by` and `deleted_at`, which are null."""
        for place in range(self.sets):
            number = self.number_of(place)
            study, series = divmod(number, _SERIES_PER_STUDY)
            patient = self.patient_of(study)
            who = self.person_of(patient)
            mixed = self._mixed("study", study)
            study_days = mixed % _DAYS
            date_text, clock = self.when(study)
            # Two of three came on the day of their study, the others years later from an archive.
            days = _DAYS if mixed >> 40 & 3 == 3 else study_days
            created = _EPOCH_MICROS + days * _DAY_MICROS + self._mixed("at", place) % _DAY_MICROS
            state = "DELETED" if mixed >> 48 & 127 == 0 else "ACTIVE"
            modality = _MODALITIES[(mixed >> 8) % len(_MODALITIES)][0]
            yield (
                self.set_id(place), self.datastore_id, 1, state, "CREATED",
                (mixed >> 50) % 32 > 0 or series > 0, f"{self._mixed('identity', study):064x}",
                self.held, False, created, created, self.patient_id(patient), who.name,
                who.birth_date, who.sex, self.study_uid(study), f"S{study % 100_000}",
                self._description(study), self.accession(study),
                self._series_uid(study, series), modality, _PARTS[mixed % 7], str(series + 1),
                date_text, clock, sortable_datetime(date_text, clock),
                self.held, self.held * 526_000, self.held * 128_000, modality,
            )  # fmt: skip

    def version_rows(self) -> Iterator[tuple[Any, ...]]:
        """Rows of `image_set_versions`: one of each."""
        for place in range(self.sets):
            one = self.set_id(place)
            key = document_key(self.datastore_id, one, 1, f"{place:012}")
            yield one, 1, "ACTIVE", "CREATED", True, False, key, _EPOCH_MICROS, _EPOCH_MICROS

    def instance_rows(self) -> Iterator[tuple[Any, ...]]:
        """Rows of `instances`; each pack holds those of one image set."""
        total = self.sets * self.held
        back = pow(self._instances_step, -1, total) if total > 1 else 0
        for order in range(total):
            place, index = divmod(order * back % total, self.held)
            study, series = divmod(self.number_of(place), _SERIES_PER_STUDY)
            class_uid = _MODALITIES[(self._mixed("study", study) >> 8) % len(_MODALITIES)][1]
            offset = index * 128_000
            yield (
                self._instance_key(order), self.datastore_id,
                f"{self._series_uid(study, series)}.{index + 1}", class_uid,
                "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.201",
                blake2b(b"%d" % order, digest_size=32).digest(),
                pack_key(self.datastore_id, self.set_id(place)), offset + 120_000, 3_000,
                offset + 123_000, 5_000,
                offset.to_bytes(8, "little") + (120_000).to_bytes(8, "little"),
                1, 526_000, 128_000, _EPOCH_MICROS, blake2b(b"%d" % order, digest_size=16).digest(),
            )  # fmt: skip

    def member_rows(self) -> Iterator[tuple[Any, ...]]:
        """Rows of `image_set_members`."""
        for place in range(self.sets):
            one = self.set_id(place)
            study, series = divmod(self.number_of(place), _SERIES_PER_STUDY)
            keys = sorted((self._key_of(place, index), index) for index in range(self.held))
            for key, index in keys:
                yield one, key, 1, f"{self._series_uid(study, series)}.{index + 1}"

    def term_rows(self) -> Iterator[tuple[str, str, str, str]]:
        """Rows of `image_set_terms`, in no order."""
        for place in range(self.sets):
            study = self.study_of(place)
            if self._mixed("study", study) >> 48 & 127 == 0:
                continue  # deleted
            patient = self.patient_of(study)
            said = self.person_of(patient).name, self._description(study)
            found = terms((*said, self.patient_id(patient), self.accession(study)))
            one = self.set_id(place)
            when = sortable_datetime(*self.when(study))
            for term in sorted(found):
                yield self.datastore_id, term, when, one

    def series_rows(self) -> Iterator[tuple[Any, ...]]:
        """Rows of `series`: of what is primary and not deleted."""
        for place in range(self.sets):
            study, number = divmod(self.number_of(place), _SERIES_PER_STUDY)
            if self._listed(study, number):
                made = self._series(study, number)
                made |= {"image_set_id": self.set_id(place)}
                yield tuple(made[name] for name in columns_of(series))

    def study_rows(self) -> Iterator[tuple[Any, ...]]:
        """Rows of `studies`."""
        last, more = divmod(self.sets, _SERIES_PER_STUDY)
        for study in sorted(range(last + (more > 0)), key=self.study_uid):
            numbers = range(_SERIES_PER_STUDY if study < last else more)
            held = sum(self._listed(study, one) for one in numbers)
            if held:
                said = SimpleNamespace(**self._study(study), instance_count=self.held)
                made = study_row(said, [said] * held)
                made |= {"datastore_id": self.datastore_id, "study_uid": made["uid"]}
                yield tuple(made[name] for name in columns_of(studies))

    def _listed(self, study: int, number: int) -> bool:
        mixed = self._mixed("study", study)
        return mixed >> 48 & 127 != 0 and ((mixed >> 50) % 32 > 0 or number > 0)

    def _series(self, study: int, number: int) -> dict[str, Any]:
        """What a row of `series` says; its answers have what real ones have."""
        date_text, clock = self.when(study)
        above = self._study(study)
        said = {
            "Modality": above["modality"],
            "SeriesDescription": f"series {number + 1}", "SeriesNumber": str(number + 1),
            "SeriesInstanceUID": self._series_uid(study, number),
            "BodyPartExamined": _PARTS[self._mixed("study", study) % 7],
            "PerformedProcedureStepStartDate": date_text,
            "PerformedProcedureStepStartTime": clock,
            "RequestAttributesSequence": [{"ScheduledProcedureStepID": f"SPS{study:08}",
                                           "RequestedProcedureID": f"RP{study:08}"}],
        }  # fmt: skip
        own = needed(said, Level.SERIES)
        return {
            **above,
            **of_series(own, others(said, [Level.SERIES], own), self.held, above["study_uid"]),
            "datastore_id": self.datastore_id,
            "series_uid": self._series_uid(study, number),
            "whole": True,
        }

    def _study(self, study: int) -> dict[str, Any]:
        """What rows of all series of a study have in common."""
        if (known := self._studies.get(study)) is not None:
            return known
        mixed = self._mixed("study", study)
        patient = self.patient_of(study)
        who = self.person_of(patient)
        date_text, clock = self.when(study)
        modality, sop_class = _MODALITIES[(mixed >> 8) % len(_MODALITIES)]
        said = {
            "StudyDate": date_text, "StudyTime": clock, "AccessionNumber": self.accession(study),
            "ReferringPhysicianName": self.person_of(mixed % 50).name, "PatientName": who.name,
            "PatientID": self.patient_id(patient), "PatientBirthDate": who.birth_date,
            "PatientSex": who.sex, "StudyInstanceUID": self.study_uid(study),
            "StudyID": f"S{study % 100_000}",
            "StudyDescription": self._description(study),
        }  # fmt: skip
        above = needed(said, Level.STUDY)
        made = {
            "study_uid": self.study_uid(study),
            "study_datetime": sortable_datetime(date_text, clock),
            "modality": modality,
            "sop_classes": f"\\{sop_class}\\",
            "study": orjson.dumps(above),
            "study_others": orjson.dumps(others(said, [Level.PATIENT, Level.STUDY], above)),
        }
        if len(self._studies) < _REMEMBERED:
            self._studies[study] = made
        return made

    @cached_property
    def _studies(self) -> dict[int, dict[str, Any]]:
        """What `_study` has made: series of one study are far from each other."""
        return {}

    def when(self, study: int) -> tuple[str, str]:
        """Date and time of a study (DA, TM): in office hours of some day in eleven years."""
        mixed = self._mixed("study", study)
        day = _FIRST_DAY + timedelta(days=mixed % _DAYS)
        clock = f"{(mixed >> 16) % 12 + 7:02}{(mixed >> 24) % 60:02}{(mixed >> 32) % 60:02}"
        return day.strftime("%Y%m%d"), clock

    def study_uid(self, study: int) -> str:
        """The UID of a study."""
        return f"1.2.826.0.1.3680043.10.543.{self.seed}.{study + 1}"

    def _series_uid(self, study: int, series: int) -> str:
        return f"{self.study_uid(study)}.{series + 1}"


_COLUMNS: Final = {
    image_sets: (
        "id datastore_id version state workflow_status is_primary identity instance_count forced",
        "created_at updated_at patient_id patient_name patient_birth_date patient_sex study_uid",
        "study_id study_description accession_number series_uid modality body_part series_number",
        "study_date study_time study_datetime frame_count source_bytes stored_bytes modality_code",
    ),
    image_set_versions: (
        "image_set_id version state workflow_status is_primary forced document created_at",
        "updated_at",
    ),
    instances: (
        "key datastore_id sop_instance_uid sop_class_uid source_syntax stored_syntax digest pack",
        "header_offset header_length document_offset document_length frames frame_count",
        "source_size stored_size created_at stored_hash",
    ),
    image_set_members: ("image_set_id instance_key first_version sop_instance_uid",),
    image_set_terms: ("datastore_id term study_datetime image_set_id",),
    series: (
        "image_set_id datastore_id study_uid series_uid study_datetime modality series_number",
        "description body_part performed_at scheduled_step_ids requested_procedure_ids",
        "sop_classes instance_count whole answer others study study_others",
    ),
    studies: (
        "datastore_id study_uid study_datetime patient_id name_alphabetic name_ideographic",
        "name_phonetic birth_date sex study_id accession_number description referring modalities",
        "series_count instance_count answer others",
    ),
}


def columns_of(table: Table) -> list[str]:
    """The columns that rows of a table have here, in their order."""
    return " ".join(_COLUMNS[table]).split()


def _coprime(count: int) -> int:
    """A step that leads through all of `count` places, far from one to the next."""
    step = max(1, int(count * 0.6180339887))
    while math.gcd(step, count) != 1:
        step += 1
    return step


def _spread(place: int, count: int, mixed: int, length: int) -> str:
    """An id that is `place`th of `count` in order, and otherwise as good as random."""
    return f"{((place << 64) + mixed) * (1 << (4 * length - 64)) // count:0{length}x}"
