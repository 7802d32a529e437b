"""What is granted of what is asked for."""

import pytest
from pydicom.uid import JPEGBaseline8Bit
from pynetdicom.presentation import AllStoragePresentationContexts

from iryo.access import Role
from iryo.dicom import syntaxes
from iryo.imaging.dimse.associate import Proposal, Request
from iryo.imaging.dimse.offer import (
    COMMITMENT,
    VERIFICATION,
    Service,
    grant,
    service_of,
    storage_classes,
)

CT = "1.2.840.10008.5.1.4.1.1.2"
VIDEO = "1.2.840.10008.5.1.4.1.1.77.1.1.1"
EXPLICIT, IMPLICIT = syntaxes.EXPLICIT_LITTLE, syntaxes.IMPLICIT_LITTLE
HTJ2K, JPEG = syntaxes.HTJ2K_LOSSLESS_RPCL, str(JPEGBaseline8Bit)
MPEG4 = "1.2.840.10008.1.2.4.102"


def granted(
    *proposals: tuple[str, tuple[str, ...]], role: Role = Role.WRITER, sends: bool = False
) -> list[tuple[int, str]]:
    """Result and transfer syntax of each."""
    contexts = tuple(
        Proposal(2 * at + 1, abstract, transfers)
        for at, (abstract, transfers) in enumerate(proposals)
    )
    roles = {abstract: (True, sends) for abstract, _ in proposals} if sends else {}
    made = grant(Request("US", "THEM", contexts, roles=roles), role, any_class=False)
    return [(one.result, one.transfer) for one in made.accept.contexts]


def test_every_storage_class_that_pynetdicom_knows() -> None:
    for one in AllStoragePresentationContexts:
        assert service_of(str(one.abstract_syntax)) is Service.STORAGE
    assert COMMITMENT not in storage_classes()
    assert "1.2.840.10008.1.3.10" not in storage_classes()  # Media Storage Directory
    assert "1.2.840.10008.5.1.4.1.1.1" in storage_classes()
    assert service_of("1.2.3") is None
    assert service_of("1.2.3", any_class=True) is not None
    assert service_of("1.2.840.10008.5.1.4.31", any_class=True) is None  # known as another


@pytest.mark.parametrize("row", syntaxes.TABLE, ids=lambda row: row.uid)
def test_every_transfer_syntax(row: syntaxes.TransferSyntax) -> None:
    assert granted((CT, (row.uid,))) == [(0, row.uid)]


@pytest.mark.parametrize(
    ("offered", "taken"),
    [
        ((IMPLICIT, EXPLICIT), EXPLICIT),
        ((EXPLICIT, IMPLICIT), EXPLICIT),
        ((JPEG, EXPLICIT, IMPLICIT), JPEG),
        (("1.2.3", IMPLICIT), IMPLICIT),
    ],
)
def test_what_peers_store_in(offered: tuple[str, ...], taken: str) -> None:
    assert granted((CT, offered)) == [(0, taken)]


@pytest.mark.parametrize(
    ("proposals", "taken"),
    [
        # The only context gets what all instances can be given in.
        ([(CT, (HTJ2K, JPEG, EXPLICIT))], [EXPLICIT]),
        ([(CT, (JPEG, IMPLICIT))], [IMPLICIT]),
        ([(CT, (HTJ2K,))], [HTJ2K]),
        # Where another has that, what is stored goes as it is.
        ([(CT, (HTJ2K, JPEG, EXPLICIT)), (CT, (IMPLICIT,))], [HTJ2K, IMPLICIT]),
        ([(CT, (JPEG,)), (CT, (EXPLICIT,))], [JPEG, EXPLICIT]),
        ([(VIDEO, (MPEG4, EXPLICIT))], [MPEG4]),
    ],
)
def test_what_peers_get_in(proposals: list[tuple[str, tuple[str, ...]]], taken: list[str]) -> None:
    assert granted(*proposals, sends=True) == [(0, one) for one in taken]


def test_roles_are_what_may_be() -> None:
    request = Request(
        "US",
        "THEM",
        (Proposal(1, CT, (EXPLICIT,)), Proposal(3, VERIFICATION, (IMPLICIT,))),
        roles={CT: (True, True), VERIFICATION: (True, True)},
    )
    reader = grant(request, Role.READER, any_class=False)
    assert reader.accept.roles == {CT: (False, True), VERIFICATION: (True, False)}
    assert (reader.contexts[1].scu, reader.contexts[1].scp) == (True, False)
    writer = grant(request, Role.WRITER, any_class=False)
    assert writer.accept.roles[CT] == (True, True)
