"""Every defined term of PS3.3 C.12.1.1.2 (tables C.12-2 to C.12-5), each with a file.

Real files of the pydicom wheel where there is one; else a name in the bytes that the term means,
made with Python's codecs.
"""

from dataclasses import dataclass

SHIBUYA = "SHIBUYA^YASUKO=渋谷^美智子=しるがね^ひでお"


@dataclass(frozen=True)
class Term:
    """A defined term and a file that has it.

    Attributes:
        term: as it stands in (0008,0005).
        name: what Patient's Name says.
        real: a file of pydicom's charset_files, or empty.
        declared: the whole of (0008,0005) in a built file.
        raw: the bytes of Patient's Name in a built file.
    """

    term: str
    name: str
    real: str = ""
    declared: str = ""
    raw: bytes = b""


def _alone(number: str, codec: str, name: str) -> Term:
    return Term(f"ISO_IR {number}", name, "", f"ISO_IR {number}", name.encode(codec))


def _g1(number: str, escape: bytes, codec: str, name: str) -> Term:
    """Code extension (PS3.5 6.1.2.4): the given name in G1, after its escape sequence."""
    family, given = name.split("^")
    raw = family.encode("ascii") + b"^\x1b" + escape + given.encode(codec)
    return Term(f"ISO 2022 IR {number}", name, "", f"\\ISO 2022 IR {number}", raw)


def iso_2022_jp(name: str) -> bytes:
    """A name with each component escaped by itself, as PS3.5 H.3 shows it."""
    groups = [
        b"^".join(part.encode("iso2022_jp") for part in group.split("^"))
        for group in name.split("=")
    ]
    return b"=".join(groups)


TERMS: tuple[Term, ...] = (
    Term("", "Adams^John", "", "", b"Adams^John"),
    Term("ISO_IR 6", "Adams^John", "", "ISO_IR 6", b"Adams^John"),
    Term("ISO_IR 100", "Äneas^Rüdiger", "chrGerm.dcm"),
    _alone("101", "iso8859_2", "Wałęsa^Łukasz"),
    _alone("109", "iso8859_3", "Ċensu^Ġorġ"),
    _alone("110", "iso8859_4", "Šķēle^Kārlis"),
    Term("ISO_IR 144", "Люкceмбypг", "chrRuss.dcm"),
    Term("ISO_IR 127", "قباني^لنزار", "chrArab.dcm"),
    Term("ISO_IR 126", "Διονυσιος", "chrGreek.dcm"),
    Term("ISO_IR 138", "שרון^דבורה", "chrHbrw.dcm"),
    _alone("148", "iso8859_9", "Çavuşoğlu^Işıl"),
    _alone("203", "iso8859_15", "Œuvre^Žofia 5€"),
    _alone("13", "shift_jis", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
    _alone("166", "tis_620", "นามสกุล^ชื่อ"),
    Term("ISO_IR 192", "Wang^XiaoDong=王^小東", "chrX1.dcm"),
    Term("GB18030", "Wang^XiaoDong=王^小东", "chrX2.dcm"),
    Term("GBK", "Wang^XiaoDong=王^小东", "", "GBK", "Wang^XiaoDong=王^小东".encode("gbk")),
    Term("ISO 2022 IR 6", "やまだ^たろう", "chrJapMultiExplicitIR6.dcm"),
    _g1("100", b"-A", "iso8859_1", "Meier^Rüdiger"),
    _g1("101", b"-B", "iso8859_2", "Nowak^Łukasz"),
    _g1("109", b"-C", "iso8859_3", "Borg^Ġorġ"),
    _g1("110", b"-D", "iso8859_4", "Ozols^Kārlis"),
    _g1("144", b"-L", "iso8859_5", "Petrov^Пётр"),
    _g1("127", b"-G", "iso8859_6", "Qabbani^لنزار"),
    _g1("126", b"-F", "iso8859_7", "Dionysios^Διονύσιος"),
    _g1("138", b"-H", "iso8859_8", "Sharon^דבורה"),
    _g1("148", b"-M", "iso8859_9", "Kaya^Işıl"),
    _g1("203", b"-b", "iso8859_15", "Kral^Žofia"),
    Term("ISO 2022 IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう", "chrH32.dcm"),
    _g1("166", b"-T", "tis_620", "Thai^ชื่อ"),
    Term("ISO 2022 IR 87", "Yamada^Tarou=山田^太郎=やまだ^たろう", "chrH31.dcm"),
    Term(
        "ISO 2022 IR 159",
        "Marumaru^Ue=丂丄^丅",
        "",
        "\\ISO 2022 IR 87\\ISO 2022 IR 159",
        b"Marumaru^Ue=\x1b$(D\x30\x21\x30\x22\x1b(B^\x1b$(D\x30\x23\x1b(B",
    ),
    Term("ISO 2022 IR 149", "Hong^Gildong=洪^吉洞=홍^길동", "chrI2.dcm"),
    Term(
        "ISO 2022 IR 58",
        "Zhang^XiaoDong=张^小东",
        "",
        "\\ISO 2022 IR 58",
        b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab",
    ),
)
