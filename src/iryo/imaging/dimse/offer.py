"""What this SCP offers: SOP classes, transfer syntaxes, and what of a request is granted."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from typing import Final

from pydicom._uid_dict import UID_dictionary

from iryo.access import Role
from iryo.dicom import syntaxes
from iryo.imaging.dimse.associate import (
    ACCEPTED,
    NO_ABSTRACT_SYNTAX,
    NO_TRANSFER_SYNTAX,
    USER_REJECTED,
    Accept,
    Granted,
    Proposal,
    Request,
)
from iryo.imaging.dimse.association import Context

__all__ = [
    "COMMITMENT",
    "FIND",
    "GET",
    "MOVE",
    "VERIFICATION",
    "Root",
    "Service",
    "grant",
    "service_of",
    "storage_classes",
]

VERIFICATION: Final = "1.2.840.10008.1.1"
COMMITMENT: Final = "1.2.840.10008.1.20.1"


class Root(Enum):
    """Information models of Query/Retrieve (PS3.4 C.6)."""

    PATIENT = auto()
    STUDY = auto()
    PATIENT_STUDY_ONLY = auto()
    """Retired; still asked for by old workstations."""


_QR: Final = "1.2.840.10008.5.1.4.1.2."
FIND: Final = {
    f"{_QR}1.1": Root.PATIENT,
    f"{_QR}2.1": Root.STUDY,
    f"{_QR}3.1": Root.PATIENT_STUDY_ONLY,
}
MOVE: Final = {
    f"{_QR}1.2": Root.PATIENT,
    f"{_QR}2.2": Root.STUDY,
    f"{_QR}3.2": Root.PATIENT_STUDY_ONLY,
}
GET: Final = {
    f"{_QR}1.3": Root.PATIENT,
    f"{_QR}2.3": Root.STUDY,
    f"{_QR}3.3": Root.PATIENT_STUDY_ONLY,
}


class Service(Enum):
    """What a SOP class belongs to."""

    VERIFICATION = auto()
    STORAGE = auto()
    QUERY = auto()
    RETRIEVE = auto()
    COMMITMENT = auto()


# Of SOP classes with Storage in their names, those that are not of the Storage Service Class.
_COMPOSITE: Final = "1.2.840.10008.5.1.4.1.1."
"""What the UIDs of storage SOP classes begin with: one that is newer than our dictionary too."""
_NO_STORAGE: Final = ("Storage Commitment", "Media Storage Directory", "Service Class")
_IDENTIFIERS: Final = (syntaxes.EXPLICIT_LITTLE, syntaxes.IMPLICIT_LITTLE)
_VIDEO: Final = frozenset(
    f"1.2.840.10008.5.1.4.1.1.77.1.{number}.1" for number in (1, 2, 4)
)  # endoscopic, microscopic, photographic
_STORED: Final = frozenset(row.uid for row in syntaxes.TABLE)


@cache
def storage_classes() -> frozenset[str]:
    """The SOP classes of the Storage Service Class, retired ones too (PS3.4 B.5, PS3.6 A)."""
    return frozenset(
        uid
        for uid, (name, kind, *_) in UID_dictionary.items()
        if kind == "SOP Class"
        and "Storage" in name
        and not any(other in name for other in _NO_STORAGE)
    )


def service_of(abstract: str, *, any_class: bool = False) -> Service | None:
    """The service of a SOP class; None if it is not offered."""
    if abstract == VERIFICATION:
        return Service.VERIFICATION
    if abstract in FIND:
        return Service.QUERY
    if abstract in MOVE or abstract in GET:
        return Service.RETRIEVE
    if abstract == COMMITMENT:
        return Service.COMMITMENT
    if abstract in storage_classes() or abstract.startswith(_COMPOSITE):
        return Service.STORAGE
    if any_class and abstract not in UID_dictionary:
        return Service.STORAGE
    return None


@dataclass(frozen=True, slots=True)
class Grants:
    """What came of a request: what is answered, and the contexts that hold."""

    accept: Accept
    contexts: dict[int, Context]


def grant(request: Request, role: Role, *, any_class: bool) -> Grants:
    """What of a request is granted to a peer of a role.

    Args:
        request: what is asked.
        role: readers store nothing.
        any_class: whether SOP classes that nobody here knows are taken for storage.
    """
    granted: list[Granted] = []
    contexts: dict[int, Context] = {}
    roles: dict[str, tuple[bool, bool]] = {}
    for proposal in request.contexts:
        service = service_of(proposal.abstract, any_class=any_class)
        scu, scp = True, False
        if service is Service.STORAGE:
            scu, scp = request.roles.get(proposal.abstract, (True, False))
            scu = scu and role >= Role.WRITER
        if service is Service.STORAGE and scp:
            chosen = _for_sending(proposal, request.contexts)
        elif service is Service.STORAGE:
            chosen = _for_storage(proposal.transfers)
        else:
            chosen = next((one for one in _IDENTIFIERS if one in proposal.transfers), None)
        result, transfer = _judge(proposal, service, chosen, used=scu or scp)
        granted.append(Granted(proposal.id, result, transfer))
        if result != ACCEPTED:
            continue
        if proposal.abstract in request.roles:
            roles[proposal.abstract] = scu, scp
        contexts[proposal.id] = Context(proposal.id, proposal.abstract, transfer, scu=scp, scp=scu)
    extended = {
        uid: _extended(uid, asked)
        for uid, asked in request.extended.items()
        if any(one.abstract == uid for one in contexts.values())
        and (uid in FIND or uid in MOVE or uid in GET)
    }
    return Grants(Accept(tuple(granted), roles=roles, extended=extended), contexts)


def _judge(
    proposal: Proposal, service: Service | None, chosen: str | None, *, used: bool
) -> tuple[int, str]:
    """Result and transfer syntax of one presentation context."""
    otherwise = proposal.transfers[0] if proposal.transfers else syntaxes.IMPLICIT_LITTLE
    if service is None:
        return NO_ABSTRACT_SYNTAX, otherwise
    if not used:
        return USER_REJECTED, otherwise
    return (NO_TRANSFER_SYNTAX, otherwise) if chosen is None else (ACCEPTED, chosen)


def _for_storage(transfers: tuple[str, ...]) -> str | None:
    """Which of several transfer syntaxes is taken for what a peer stores.

    Who sends lists first what the files are in. Implicit VR is what all must offer, and loses the
    VRs of private elements: the explicit one is better where there is a choice.
    """
    known = [one for one in transfers if one in _STORED]
    if not known:
        return None
    if known[0] == syntaxes.IMPLICIT_LITTLE and syntaxes.EXPLICIT_LITTLE in known:
        return syntaxes.EXPLICIT_LITTLE
    return known[0]


def _for_sending(proposal: Proposal, all_of: Iterable[Proposal]) -> str | None:
    """Which is taken for what we send to a peer by C-GET.

    One context has one syntax for all instances of the class, whatever they are stored in. So where
    it is the only one it gets what all can be given in; where another one has that, this one gets
    what needs no transcoding. Video is not transcoded at all.
    """
    known = [one for one in proposal.transfers if one in _STORED]
    native = [one for one in _IDENTIFIERS if one in known]
    elsewhere = any(
        one.abstract == proposal.abstract
        and one.id != proposal.id
        and set(_IDENTIFIERS) & set(one.transfers)
        for one in all_of
    )
    stored = [one for one in known if one not in _IDENTIFIERS]
    if syntaxes.HTJ2K_LOSSLESS_RPCL in stored:
        stored = [syntaxes.HTJ2K_LOSSLESS_RPCL]
    video = proposal.abstract in _VIDEO and stored
    chosen = [*stored, *native] if elsewhere or video else [*native, *stored]
    return chosen[0] if chosen else None


def _extended(uid: str, asked: bytes) -> bytes:
    """What of extended negotiation is agreed to (PS3.4 C.5.1.1, C.5.2.1, C.5.3.1).

    Of queries: byte 1 relational, 2 combined date and time, 3 fuzzy matching of names; all three.
    Of retrieval: byte 1 relational. Of what comes after nothing.
    """
    answer = bytearray(len(asked[:8]))
    for at, value in enumerate(asked[: 3 if uid in FIND else 1]):
        answer[at] = value & 1
    return bytes(answer)
