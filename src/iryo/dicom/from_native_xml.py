"""From the Native DICOM Model (PS3.19 A.1) to the DICOM JSON model: the reverse of `native_xml`.

XML that others send is hostile: there are no document types, and so no entities but those of XML
itself; nothing outside is read; what is within one another, and the numbers of values, are bounded.
How long a document may be, who reads it decides.
"""

import re
from typing import Any, Final, Never
from xml.parsers import expat

from iryo.dicom.dictionary import lookup
from iryo.dicom.model import FORMS, KINDS, Kind
from iryo.dicom.native_xml import COMPONENTS, GROUPS
from iryo.errors import InvalidDicom

__all__ = ["from_native_xml"]

_DEEPEST: Final = 60  # sequences
_GAP: Final = 16  # numbers of values that may be left out, one after the other
_DIGITS: Final = re.compile(r"[0-9A-Fa-f]{8}")
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_SPACES: Final = re.compile(r"[ \t\r\n]+")
_PIECE: Final = 1 << 16

Values = dict[str, dict[str, Any]]

# What may stand in what.
_WITHIN: Final[dict[str, frozenset[str]]] = {
    "": frozenset({"NativeDicomModel"}),
    "NativeDicomModel": frozenset({"DicomAttribute"}),
    "Item": frozenset({"DicomAttribute"}),
    "DicomAttribute": frozenset({"Value", "PersonName", "Item", "BulkData", "InlineBinary"}),
    "PersonName": frozenset(GROUPS),
    **dict.fromkeys(GROUPS, frozenset(COMPONENTS)),
}
_TEXTS: Final = frozenset({"Value", "InlineBinary", *COMPONENTS})


def from_native_xml(document: bytes) -> Values:
    """The DICOM JSON object of an XML document.

    DS and IS stay the texts that they are, which PS3.18 F.2.3 allows.

    Raises:
        InvalidDicom: it is no XML, or not this model.
    """
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator="\n")
    parser.buffer_text = True
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.StartDoctypeDeclHandler = _refused
    parser.EntityDeclHandler = _refused
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        for start in range(0, len(document), _PIECE):
            parser.Parse(document[start : start + _PIECE])
        parser.Parse(b"", True)  # noqa: FBT003 - the last
    except expat.ExpatError as error:
        raise _fault(
            f"found no XML at line {error.lineno}: {expat.ErrorString(error.code)}"
        ) from None
    except (ValueError, LookupError):  # of encodings that Python does not know
        raise _fault("found XML in an encoding that is not known") from None
    return reader.found


def _refused(*_: object) -> Never:
    raise _fault("found a document type or an entity, expected neither")


class _Reader:
    """Follows the elements of a document."""

    def __init__(self) -> None:
        self.found: Values = {}
        self._names: list[str] = [""]
        self._datasets: list[_Dataset] = []
        self._text: list[str] = []
        self._name: dict[str, list[str]] = {}

    def start(self, name: str, given: dict[str, str]) -> None:
        """An element begins."""
        name = name.rpartition("\n")[2]
        around = self._names[-1]
        if name not in _WITHIN.get(around, ()):
            raise _fault(
                f"found an element that is not of the Native DICOM Model within {around or 'it'}"
            )
        self._names.append(name)
        self._text.clear()
        if name in {"NativeDicomModel", "Item"}:
            if len(self._datasets) > _DEEPEST:
                raise _fault(f"found more than {_DEEPEST} sequences within one another")
            if name == "Item":
                self._datasets[-1].at(given, Kind.SEQUENCE)
            self._datasets.append(_Dataset())
        elif name == "DicomAttribute":
            self._datasets[-1].begin(given)
        elif name == "BulkData":
            self._datasets[-1].refer(given.get("uri", ""))
        elif name in {"Value", "PersonName"}:
            self._datasets[-1].at(given, Kind.PERSON if name == "PersonName" else None)
            self._name = {}
        elif name in GROUPS:
            self._name[name] = [""] * len(COMPONENTS)

    def text(self, text: str) -> None:
        """Characters, which count in some elements only."""
        if self._names[-1] in _TEXTS:
            self._text.append(text)
        elif text.strip():
            raise _fault(f"found text within {self._names[-1]}, expected elements")

    def end(self, _: str) -> None:
        """An element ends."""
        name = self._names.pop()
        text = "".join(self._text)
        self._text.clear()
        if name == "NativeDicomModel":
            self.found = self._datasets.pop().whole()
        elif name == "Item":
            item = self._datasets.pop().whole()
            self._datasets[-1].put(item)
        elif name == "Value":
            self._datasets[-1].put_text(text)
        elif name == "InlineBinary":
            self._datasets[-1].inline(_SPACES.sub("", text))
        elif name == "PersonName":
            said = {
                group: "^".join(parts).rstrip("^")
                for group in GROUPS
                if (parts := self._name.get(group)) is not None
            }
            self._datasets[-1].put({k: v for k, v in said.items() if v} or None)
        elif name in COMPONENTS:
            self._name[self._names[-1]][COMPONENTS.index(name)] = text


class _Dataset:
    """The attributes of a data set or an item."""

    def __init__(self) -> None:
        self._found: Values = {}
        self._private: list[tuple[str, str, dict[str, Any]]] = []
        self._blocks: dict[tuple[str, str], str] = {}
        self._now: dict[str, Any] = {}
        self._where = ""

    def begin(self, given: dict[str, str]) -> None:
        """An attribute."""
        key = given.get("tag", "").upper()
        if not _DIGITS.fullmatch(key):
            raise _fault("found an attribute without a tag of eight hex digits")
        self._where = f"({key[:4]},{key[4:]})"
        known = lookup(int(key, 16))
        vr = given.get("vr") or (known[0].split(" or ")[0] if known else "UN")
        if vr not in KINDS:
            raise _fault("found no VR of PS3.5", self._where)
        self._now = {"vr": vr}
        creator = given.get("privateCreator", "").strip()
        if creator and key[4:6] == "00":
            self._private.append((key, creator, self._now))
        elif key in self._found:
            raise _fault("found an attribute twice", self._where)
        else:
            self._found[key] = self._now

    def at(self, given: dict[str, str], kind: Kind | None) -> None:
        """A value; those before it that are not there are null."""
        mine = KINDS[self._now["vr"]]
        special = mine if mine in {Kind.SEQUENCE, Kind.PERSON} else None
        if special is not kind or mine is Kind.BINARY:
            raise _fault("found an element that a value of its VR has not", self._where)
        values = self._now.setdefault("Value", [])
        text = given.get("number", "")
        if not text:
            return
        number = int(text) if _NUMBER.fullmatch(text) else 0
        if not len(values) < number <= len(values) + _GAP:
            raise _fault("found values whose numbers do not count up from 1", self._where)
        values += [None] * (number - len(values) - 1)

    def put(self, value: Any) -> None:
        """The value that has ended."""
        self._now["Value"].append(value)

    def put_text(self, text: str) -> None:
        """The same, of texts and numbers."""
        vr = self._now["vr"]
        if KINDS[vr] is not Kind.NUMBER:
            self.put(text or None)
            return
        try:
            self.put((float if FORMS[vr] in "fd" else int)(text) if text.strip() else None)
        except ValueError:
            raise _fault(f"found a value that {vr} cannot have", self._where) from None

    def refer(self, uri: str) -> None:
        """A value that is elsewhere."""
        if not uri:
            raise _fault("found BulkData without a uri", self._where)
        self._only("BulkDataURI", uri)

    def inline(self, text: str) -> None:
        """A binary value."""
        if KINDS[self._now["vr"]] is not Kind.BINARY:
            raise _fault("found InlineBinary in a VR that has values", self._where)
        self._only("InlineBinary", text)

    def _only(self, name: str, value: str) -> None:
        if len(self._now) > 1:
            raise _fault(f"found {name} beside other values", self._where)
        self._now[name] = value

    def whole(self) -> Values:
        """All of them, the private ones in the blocks of their creators."""
        for key, creator, attribute in self._private:
            reserved = key[:4], creator
            if reserved not in self._blocks:
                self._blocks[reserved] = self._block(*reserved)
            full = f"{key[:4]}{self._blocks[reserved]}{key[6:]}"
            if full in self._found:
                raise _fault("found an attribute twice", f"({full[:4]},{full[4:]})")
            self._found[full] = attribute
        return self._found

    def _block(self, group: str, creator: str) -> str:
        """The block that a creator has reserved; reserved now, where it has none."""
        if not int(group[3], 16) % 2:
            raise _fault("found a private creator of a group that is not private", f"({group},)")
        for number in range(0x10, 0x100):
            key = f"{group}00{number:02X}"
            said = self._found.get(key, {}).get("Value") or [""]
            if str(said[0]).strip(" \0") == creator:
                return key[6:]
        free = next((n for n in range(0x10, 0x100) if f"{group}00{n:02X}" not in self._found), None)
        if free is None:
            raise _fault("found more private creators than a group has blocks", f"({group},)")
        self._found[f"{group}00{free:02X}"] = {"vr": "LO", "Value": [creator]}
        return f"{free:02X}"


def _fault(message: str, where: str | None = None) -> InvalidDicom:
    return InvalidDicom(message, where=where, reason="Xml")
