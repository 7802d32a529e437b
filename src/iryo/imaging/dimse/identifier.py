"""Identifiers: the data sets of queries and retrievals (PS3.4 C.2.2), read and written.

They come from outside: a few kilobytes at most, read by the house's own reader under its limits.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from iryo import dicom
from iryo.dicom import syntaxes
from iryo.dicom.write_elements import Form
from iryo.errors import InvalidDicom, InvalidInput
from iryo.imaging.dimse.answers import NUMBERS
from iryo.imaging.dimse.association import Message, whole

__all__ = ["FAILED_LIST", "LEVEL", "MAX_IDENTIFIER", "Identifier", "form_of", "read", "uid_list"]

MAX_IDENTIFIER: Final = 1 << 20
"""Bytes of a request's identifier: a list of some 15,000 UIDs fits."""
LEVEL: Final = 0x00080052
FAILED_LIST: Final = 0x00080058

_LIMITS: Final = dicom.Limits()
_LONGEST_UIDS: Final = 0xFFFE  # what a short length can say


@dataclass(frozen=True, slots=True)
class Identifier:
    """What was asked.

    Args:
        instance: the data set, as the house reads it.
        charset: the Specific Character Set that it names; empty if none.
    """

    instance: dicom.Instance
    charset: str

    def text(self, tag: int) -> str:
        """An element as text, several values joined by backslashes; empty if it is not there."""
        return self.instance.text(tag) or ""

    def uids(self, tag: int) -> list[str]:
        """The UIDs of a list (PS3.4 C.2.2.2.2); each once, in their order."""
        values = (one.strip(" \0") for one in self.text(tag).split("\\"))
        return list(dict.fromkeys(one for one in values if one))

    @property
    def level(self) -> str:
        """Query/Retrieve Level (0008,0052)."""
        return self.text(LEVEL).upper()

    def paths(self) -> Iterator[tuple[tuple[int, ...], str]]:
        """Each key as tags and value: of a sequence the tags from outside in (PS3.4 C.2.2.2.6)."""
        yield from self._keys(self.instance.elements, ())

    def _keys(
        self, dataset: dicom.Dataset, within: tuple[int, ...]
    ) -> Iterator[tuple[tuple[int, ...], str]]:
        for element in dataset:
            tag = element.tag
            if tag & 0xFFFF == 0:  # group length
                continue
            path = (*within, tag)
            if element.items is None:
                yield path, _value(dataset, element.vr, self.instance.value(element))
                continue
            yield path, ""
            for item in element.items[:1]:
                yield from self._keys(item, path)


def _value(dataset: dicom.Dataset, vr: str, raw: bytes) -> str:
    """A value as text, as keys are given: numbers in digits."""
    form = NUMBERS.get(vr)
    if form is None:
        return dataset.charset.decode(raw, vr)[0].strip(" \0")
    number = struct.Struct("<" + form)
    whole = len(raw) // number.size * number.size
    return "\\".join(
        f"{value:.10g}" if form in "fd" else str(value)
        for (value,) in number.iter_unpack(raw[:whole])
    )


def form_of(transfer: str) -> Form:
    """How data sets of a transfer syntax are written."""
    return Form(explicit=transfer != syntaxes.IMPLICIT_LITTLE, little=True)


def read(message: Message) -> Identifier:
    """The identifier of a request.

    Raises:
        InvalidInput: there is none, or it cannot be read.
        TooLarge: it is.
        AssociationEnded: it did not come.
    """
    if message.data is None:
        raise InvalidInput("found no identifier, expected one")
    data = whole(message.data, MAX_IDENTIFIER)
    transfer = message.context.transfer
    meta = Form(explicit=True, little=True).element(0x00020010, "UI", transfer.encode())
    head = Form(explicit=True, little=True).element(
        0x00020000, "UL", len(meta).to_bytes(4, "little")
    )
    try:
        instance = dicom.read(bytes(128) + b"DICM" + head + meta + data, limits=_LIMITS)
    except InvalidDicom as error:
        raise InvalidInput(f"found an identifier that cannot be read: {error.reason}") from None
    return Identifier(instance, instance.text(0x00080005) or "")


def uid_list(tag: int, uids: Sequence[str], form: Form) -> bytes:
    """An element with as many UIDs as it can hold."""
    value = "\\".join(uids).encode("ascii", "replace")
    if len(value) > _LONGEST_UIDS:
        value = value[: value.rindex(b"\\", 0, _LONGEST_UIDS)]
    return form.element(tag, "UI", value)
