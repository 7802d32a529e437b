"""Text by Specific Character Set: every defined term, code extensions, and wrong bytes."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iryo.dicom import COERCED, normalise, read, to_dicom_json
from iryo.dicom.charset import TERMS, Charset
from tests.dicom.handmade import explicit, file, item

ROOT = Path(__file__).resolve().parents[2]


def jis(text: str) -> bytes:
    """ISO 2022 with each component of a name escaped by itself, as PS3.5 H.3 shows it."""
    return b"=".join(
        b"^".join(part.encode("iso2022_jp") for part in group.split("^"))
        for group in text.split("=")
    )


def escaped(escape: bytes, codec: str, text: str) -> bytes:
    """A name in code extension: the escape sequence before each component that needs it."""
    return b"^".join(
        part.encode() if part.isascii() else b"\x1b" + escape + part.encode(codec)
        for part in text.split("^")
    )


KATAKANA = "ﾔﾏﾀﾞ^ﾀﾛｳ"
SHIBUYA = "SHIBUYA^YASUKO=渋谷^美智子=しるがね^ひでお"

# (0008,0005), the name, its bytes: each defined term of PS3.3 C.12.1.1.2, tables C.12-2 to C.12-5.
TABLE: list[tuple[bytes, str, bytes]] = [
    (b"", "Adams^John", b"Adams^John"),
    (b"ISO_IR 6", "Adams^John", b"Adams^John"),
    (b"ISO_IR 100", "Äneas^Rüdiger", "Äneas^Rüdiger".encode("latin-1")),
    (b"ISO_IR 101", "Wałęsa^Łukasz", "Wałęsa^Łukasz".encode("iso8859_2")),
    (b"ISO_IR 109", "Ċensu^Ġorġ", "Ċensu^Ġorġ".encode("iso8859_3")),
    (b"ISO_IR 110", "Šķēle^Kārlis", "Šķēle^Kārlis".encode("iso8859_4")),
    (b"ISO_IR 144", "Люкceмбypг", "Люкceмбypг".encode("iso8859_5")),
    (b"ISO_IR 127", "قباني^لنزار", "قباني^لنزار".encode("iso8859_6")),
    (b"ISO_IR 126", "Διονυσιος", "Διονυσιος".encode("iso8859_7")),
    (b"ISO_IR 138", "שרון^דבורה", "שרון^דבורה".encode("iso8859_8")),
    (b"ISO_IR 148", "Çavuşoğlu^Işıl", "Çavuşoğlu^Işıl".encode("iso8859_9")),
    (b"ISO_IR 203", "Œuvre^Žofia 5€", "Œuvre^Žofia 5€".encode("iso8859_15")),
    (b"ISO_IR 13", KATAKANA, KATAKANA.encode("shift_jis")),
    (b"ISO_IR 166", "นามสกุล^ชื่อ", "นามสกุล^ชื่อ".encode("tis_620")),
    (b"ISO_IR 192", "Wang^XiaoDong=王^小东=", "Wang^XiaoDong=王^小东=".encode()),
    (b"GB18030", "Wang^XiaoDong=王^小东=", "Wang^XiaoDong=王^小东=".encode("gb18030")),
    (b"GBK", "Wang^XiaoDong=王^小东=", "Wang^XiaoDong=王^小东=".encode("gbk")),
    (rb"ISO 2022 IR 6", "Adams^John", b"Adams^\x1b(BJohn"),
    (rb"\ISO 2022 IR 100", "A^Rüdiger", escaped(b"-A", "latin-1", "A^Rüdiger")),
    (rb"\ISO 2022 IR 101", "A^Łukasz", escaped(b"-B", "iso8859_2", "A^Łukasz")),
    (rb"\ISO 2022 IR 109", "A^Ġorġ", escaped(b"-C", "iso8859_3", "A^Ġorġ")),
    (rb"\ISO 2022 IR 110", "A^Kārlis", escaped(b"-D", "iso8859_4", "A^Kārlis")),
    (rb"\ISO 2022 IR 144", "A^Люк", escaped(b"-L", "iso8859_5", "A^Люк")),
    (rb"\ISO 2022 IR 127", "A^لنزار", escaped(b"-G", "iso8859_6", "A^لنزار")),
    (rb"\ISO 2022 IR 126", "A^Διον", escaped(b"-F", "iso8859_7", "A^Διον")),
    (rb"\ISO 2022 IR 138", "A^דבורה", escaped(b"-H", "iso8859_8", "A^דבורה")),
    (rb"\ISO 2022 IR 148", "A^Işıl", escaped(b"-M", "iso8859_9", "A^Işıl")),
    (rb"\ISO 2022 IR 203", "A^Žofia", escaped(b"-b", "iso8859_15", "A^Žofia")),
    (rb"\ISO 2022 IR 13", "A^ﾀﾛｳ", escaped(b")I", "shift_jis", "A^ﾀﾛｳ")),
    (rb"\ISO 2022 IR 166", "A^ชื่อ", escaped(b"-T", "tis_620", "A^ชื่อ")),
    (rb"\ISO 2022 IR 87", SHIBUYA, jis(SHIBUYA)),
    (rb"ISO 2022 IR 87", SHIBUYA, jis(SHIBUYA)),
    # PS3.5 H.3.2: Katakana in G1 from value 1, Kanji and Hiragana by escape sequences.
    (
        rb"ISO 2022 IR 13\ISO 2022 IR 87",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
        KATAKANA.encode("shift_jis")
        + b"=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
    ),
    (rb"\ISO 2022 IR 159", "A^丂丄", b"A^\x1b$(D\x30\x21\x30\x22\x1b(B"),
    # PS3.5 I.2
    (
        rb"\ISO 2022 IR 149",
        "Hong^Gildong=洪^吉洞=홍^길동",
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
    ),
    # PS3.5 K.2
    (
        rb"\ISO 2022 IR 58",
        "Zhang^XiaoDong=张^小东=",
        b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
    ),
]


@pytest.mark.parametrize(("declared", "name", "raw"), TABLE, ids=lambda value: ascii(value)[:40])
def test_every_defined_term(declared: bytes, name: str, raw: bytes) -> None:
    assert Charset.of(declared).decode(raw, "PN") == (name, None)
    data = file(
        explicit(0x00080005, "CS", declared + b" " * (len(declared) % 2)),
        explicit(0x00100010, "PN", raw + b" " * (len(raw) % 2)),
    )
    groups = to_dicom_json(read(data))["00100010"]["Value"][0]
    assert "=".join(groups.values()) == name.rstrip("=")
    normalised = normalise(read(data))
    assert normalised.patient["PatientName"] == name.rstrip("=")
    assert not normalised.warnings


def test_the_table_has_every_term_and_the_page_too() -> None:
    declared = {term for row in TABLE for term in row[0].decode().split("\\")}
    assert declared >= set(TERMS)
    page = (ROOT / "docs/reference/charsets.md").read_text(encoding="utf-8")
    assert not [term for term in TERMS if term and f"`{term}`" not in page]


def test_the_talk_s_example_reaches_every_level() -> None:
    for declared in (rb"\ISO 2022 IR 87 ", b"ISO 2022 IR 87"):
        raw = jis(SHIBUYA)
        text = "核医学".encode("iso2022_jp") + b" "
        instance = read(
            file(
                explicit(0x00080005, "CS", declared),
                explicit(0x00080060, "CS", b"NM"),
                explicit(0x00081030, "LO", text + b" " * (len(text) % 2)),
                explicit(0x0008103E, "LO", text + b" " * (len(text) % 2)),
                explicit(0x00100010, "PN", raw + b" " * (len(raw) % 2)),
            )
        )
        normalised = normalise(instance)
        assert normalised.patient["PatientName"] == SHIBUYA
        assert normalised.study["StudyDescription"] == "核医学"
        assert normalised.series["SeriesDescription"] == "核医学"
        assert instance.text(0x00100010) == SHIBUYA
        assert to_dicom_json(instance)["00100010"]["Value"] == [
            {
                "Alphabetic": "SHIBUYA^YASUKO",
                "Ideographic": "渋谷^美智子",
                "Phonetic": "しるがね^ひでお",
            }
        ]


@pytest.mark.parametrize(
    ("declared", "codec"),
    [(b"GBK", "gbk"), (b"GB18030", "gb18030"), (b"ISO_IR 13", "shift_jis")],
)
def test_a_backslash_within_a_character_splits_nothing(declared: bytes, codec: str) -> None:
    text = {"gbk": "乗", "gb18030": "乗", "shift_jis": "表"}[codec]
    raw = text.encode(codec)
    assert raw[1:] == b"\\"
    assert Charset.of(declared).values(raw + b"\\" + raw, "LO")[0] == [text, text]


def test_a_kanji_of_delimiter_bytes_is_no_delimiter() -> None:
    # 0x3D5C is 出's neighbour in JIS X 0208: "=" and "\" as halves of one character.
    raw = b"\x1b$B\x3d\x5c\x5e\x3d\x1b(B"
    values, note = Charset.of(rb"\ISO 2022 IR 87").values(raw, "PN")
    assert note is None
    assert values == [(b"\x1b$B\x3d\x5c\x5e\x3d").decode("iso2022_jp")]


def test_delimiters_put_the_first_set_back() -> None:
    charset = Charset.of(rb"ISO_IR 100\ISO 2022 IR 126")
    greek = b"\x1b-F" + "Διον".encode("iso8859_7")
    for delimiter in (b"^", b"="):
        text = charset.decode(greek + delimiter + b"\xfc", "PN")[0]
        assert text == "Διον" + delimiter.decode() + "ü"
    for delimiter in (b"\r", b"\n", b"\f", b"\t"):
        assert charset.decode(greek + delimiter + b"\xfc", "LT")[0].endswith("ü")
    assert charset.decode(greek + b"^\xfc", "LO")[0] == "Διον^ό"  # no delimiter in LO
    assert charset.values(greek + b"\\\xfc", "LO")[0] == ["Διον", "ü"]
    assert charset.decode(greek + b"\\\xfc", "LT")[0] == "Διον\\ό"  # none in LT


def test_sets_are_inherited_and_overridden_in_items() -> None:
    data = file(
        explicit(0x00080005, "CS", b"ISO_IR 144"),
        explicit(
            0x00081140,
            "SQ",
            item(explicit(0x00080104, "LO", "Дом ".encode("iso8859_5")))
            + item(
                explicit(0x00080005, "CS", b"ISO_IR 192"),
                explicit(0x00080104, "LO", "家 ".encode()),
            )
            + item(explicit(0x00080104, "LO", "Дом ".encode("iso8859_5"))),
        ),
    )
    items = normalise(read(data)).instance["ReferencedImageSequence"]
    assert [one["CodeMeaning"] for one in items] == ["Дом", "家", "Дом"]


REPAIRS: list[tuple[bytes, bytes, str, str]] = [
    (b"ISO_IR 13", "山田^太郎".encode("shift_jis"), "山田^太郎", "Shift-JIS"),
    (b"ISO_IR 13", "髙﨑^①".encode("cp932"), "髙﨑^①", "Shift-JIS"),
    (b"ISO_IR 13", "山田".encode(), "山田", "UTF-8"),
    (rb"\ISO 2022 IR 87", "山田^太郎".encode("shift_jis"), "山田^太郎", "Shift-JIS"),
    (rb"ISO 2022 IR 13\ISO 2022 IR 87", "表示^太郎".encode("shift_jis"), "表示^太郎", "Shift-JIS"),
    (rb"\ISO 2022 IR 87", "山田".encode(), "山田", "UTF-8"),
    (b"", "山田^太郎".encode(), "山田^太郎", "UTF-8"),
    (b"", "Müller^Jörg".encode(), "Müller^Jörg", "UTF-8"),
    (b"", "Müller^Jörg".encode("latin-1"), "Müller^Jörg", "ISO_IR 100"),
    (b"ISO_IR 100", "Müller^Jörg".encode(), "Müller^Jörg", "UTF-8"),
    (b"ISO_IR 100", "山田^太郎".encode(), "山田^太郎", "UTF-8"),
    (rb"\ISO 2022 IR 149", "홍^길동".encode("euc_kr"), "홍^길동", "ISO 2022 IR 149"),
    (rb"\ISO 2022 IR 58", "张^小东".encode("gb2312"), "张^小东", "ISO 2022 IR 58"),
    (b"ISO_IR 100", jis("A=渋谷"), "A=渋谷", "not declared"),
    (rb"\ISO 2022 IR 87", b"\x1b$B-!;3\x1b(B", "①山", "Microsoft"),
    (rb"\ISO 2022 IR 87", b"\x1b(I4]\x1b(B", "ｴﾝ", "not declared"),
    (rb"\ISO 2022 IR 126", b"\x1b-F\xc4^\xc4", "Δ^Δ", "no escape sequence"),
]


@pytest.mark.parametrize(("declared", "raw", "text", "note"), REPAIRS)
def test_sure_repairs(declared: bytes, raw: bytes, text: str, note: str) -> None:
    found, said = Charset.of(declared).decode(raw, "PN")
    assert found == text
    assert said is not None
    assert note in said


VISIBLE: list[tuple[bytes, bytes, str]] = [
    (b"", "张三".encode("gbk"), r"\xD5\xC5\xC8\xFD"),
    (b"", "山田".encode("shift_jis"), r"\x8ER\x93c"),
    (b"ISO_IR 100", b"a\x93b\x94", r"a\x93b\x94"),
    (b"ISO_IR 192", b"M\xfcller", r"M\xFCller"),
    (b"ISO_IR 192", "山田".encode()[:-1], r"山\xE7\x94"),
    (b"GBK", b"\xff\xff", r"\xFF\xFF"),
    (b"ISO_IR 13", b"\xb1\xfd\xfe", r"ｱ\xFD\xFE"),
    (b"ISO_IR 127", b"\xa1", r"\xA1"),
    (rb"\ISO 2022 IR 87", "山田".encode("euc_jp"), r"\xBB\xB3\xC5\xC4"),
    (rb"\ISO 2022 IR 87", b"\x1b$B\x7d\x7d\x30", r"\x7D\x7D\x30"),
    (rb"\ISO 2022 IR 87", b"\x1b%Gab", r"\x1B%Gab"),
    (rb"\ISO 2022 IR 149", b"\xff\xff", r"\xFF\xFF"),
    (rb"\ISO 2022 IR 126", b"\xc4", r"\xC4"),
]


@pytest.mark.parametrize(("declared", "raw", "text"), VISIBLE)
def test_what_is_not_sure_stays_to_be_seen(declared: bytes, raw: bytes, text: str) -> None:
    found, note = Charset.of(declared).decode(raw, "LO")
    assert found == text
    assert note is not None
    # The notation keeps a value whole.
    assert Charset.of(declared).values(raw, "LO")[0] == [text]


DECLARATIONS: list[tuple[bytes, tuple[str, ...], bool]] = [
    (b"ISO-IR 100", ("ISO_IR 100",), True),
    (b"ISO IR 100", ("ISO_IR 100",), True),
    (b"iso_ir 100 ", ("ISO_IR 100",), True),
    (b"ISO_IR 100\0", ("ISO_IR 100",), False),
    (rb"\ISO-2022-IR-87", ("", "ISO 2022 IR 87"), True),
    (b"ISO_IR 87", ("ISO 2022 IR 87",), True),
    (b"UTF-8", ("ISO_IR 192",), True),
    (b"ISO 2022 GBK", ("GBK",), True),
    (b"ISO_IR 999", ("ISO_IR 6",), True),
    (b"nonsense", ("ISO_IR 6",), True),
    (rb"ISO_IR 192\ISO 2022 IR 87", ("ISO_IR 192",), True),
    (rb"ISO_IR 100\ISO_IR 192", ("ISO_IR 100",), True),
]


@pytest.mark.parametrize(("declared", "terms", "noted"), DECLARATIONS)
def test_spellings(declared: bytes, terms: tuple[str, ...], noted: bool) -> None:
    charset = Charset.of(declared)
    assert charset.terms == terms
    assert (charset.note is not None) == noted


def test_the_metadata_says_which_attribute_was_touched() -> None:
    data = file(
        explicit(0x00080005, "CS", b"ISO_IR 13 "),
        explicit(0x00081140, "SQ", item(explicit(0x00080104, "LO", "検査".encode("shift_jis")))),
        explicit(0x00100010, "PN", "山田^太郎 ".encode("shift_jis")),
        explicit(0x00104000, "LT", "頭部".encode("shift_jis")),
    )
    warnings = {fault.where: fault for fault in normalise(read(data)).warnings}
    assert set(warnings) == {"(0008,1140)[1].(0008,0104)", "(0010,0010)", "(0010,4000)"}
    assert {fault.code for fault in warnings.values()} == {COERCED}
    assert not any("山" in fault.message for fault in warnings.values())


def test_a_wrong_declaration_is_told() -> None:
    data = file(explicit(0x00080005, "CS", b"ISO-IR 100"), explicit(0x00100010, "PN", b"M\xfcller"))
    normalised = normalise(read(data))
    assert normalised.patient["PatientName"] == "Müller"
    assert [fault.where for fault in normalised.warnings] == ["(0008,0005)"]


def test_a_value_of_escape_sequences_alone_is_empty() -> None:
    data = file(
        explicit(0x00080005, "CS", rb"\ISO 2022 IR 87 "), explicit(0x00080080, "LO", b"\x1b(B ")
    )
    assert to_dicom_json(read(data))["00080080"] == {"vr": "LO"}
    assert normalise(read(data)).series["InstitutionName"] is None


@given(
    st.sampled_from([row[0] for row in TABLE]),
    st.binary(max_size=40),
    st.sampled_from(["PN", "LO", "LT"]),
)
def test_any_bytes_become_text_that_json_can_hold(declared: bytes, raw: bytes, vr: str) -> None:
    charset = Charset.of(declared)
    text, note = charset.decode(raw, vr)
    text.encode("utf-8")
    values: list[Any] = charset.values(raw, vr)[0]
    assert values
    if raw.isascii() and b"\x1b" not in raw:
        assert (text, note) == (raw.decode(), None)


@given(st.binary(max_size=60))
def test_any_declaration_is_taken(raw: bytes) -> None:
    charset = Charset.of(raw)
    assert charset.terms
    assert set(charset.terms) <= set(TERMS)
    charset.decode(b"\xe5\x1b$Bab", "LO")
