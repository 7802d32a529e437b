"""Made-up people: names in Latin letters, kanji and kana, some far more common than others.

Names are put together from parts, as many real ones are; nobody in particular is meant.
"""

from functools import cache
from itertools import product
from typing import Final, NamedTuple, TypeVar

__all__ = ["Person", "person", "surnames"]

T = TypeVar("T")

_FIRST: Final = (
    "山 YAMA やま,田 TA た,川 KAWA かわ,森 MORI もり,石 ISHI いし,"
    "中 NAKA なか,大 OO おお,小 KO こ,高 TAKA たか,松 MATSU まつ,"
    "竹 TAKE たけ,西 NISHI にし,東 HIGASHI ひがし,北 KITA きた,南 MINAMI みなみ,"
    "上 KAMI かみ,下 SHIMO しも,青 AO あお,黒 KURO くろ,白 SHIRA しら,"
    "金 KANE かね,岩 IWA いわ,水 MIZU みず,藤 FUJI ふじ,長 NAGA なが,"
    "古 FURU ふる,新 ARA あら,内 UCHI うち,吉 YOSHI よし,今 IMA いま"
)
_SECOND: Final = (
    "田 DA だ,山 YAMA やま,川 KAWA かわ,村 MURA むら,本 MOTO もと,"
    "井 I い,原 HARA はら,野 NO の,島 SHIMA しま,沢 SAWA さわ,"
    "木 KI き,崎 SAKI さき,口 GUCHI ぐち,林 BAYASHI ばやし,谷 TANI たに,"
    "橋 HASHI はし,岡 OKA おか,坂 SAKA さか,尾 O お,瀬 SE せ"
)
_GIVEN: Final = (
    "美 MI み,智 TOMO とも,健 KEN けん,恵 KEI けい,直 NAO なお,"
    "和 KAZU かず,明 AKI あき,正 MASA まさ,優 YUU ゆう,真 MA ま,"
    "裕 HIRO ひろ,陽 YOU よう,春 HARU はる,千 CHI ち,光 MITSU みつ,"
    "幸 YUKI ゆき"
)
_ENDING: Final = (
    "子 KO こ,郎 ROU ろう,美 MI み,樹 KI き,介 SUKE すけ,"
    "人 TO と,香 KA か,代 YO よ,男 O お,平 HEI へい,"
    "奈 NA な,江 E え"
)
_LATIN: Final = (
    "Ander Berg Car Dal Evers Fair Gar Hol Iver Jan Kel Lind Mar Nor Ost Peter Quin Ros Stein Wal"
)
_LATIN_ENDING: Final = "son mann ley ton strom sen ini ez ov field"
_LATIN_GIVEN: Final = (
    "Anna Bruno Clara David Elena Felix Grace Hugo Irene Jonas Karin Louis Marta Nils Olga Paul"
    " Rosa Simon Tessa Viktor"
)


class Person(NamedTuple):
    """One patient as a DICOM header has them."""

    name: str
    """Alphabetic=ideographic=phonetic, or alphabetic only."""
    sex: str
    birth_date: str


@cache
def surnames() -> tuple[tuple[str, str, str], ...]:
    """(Latin, kanji, kana), the most common first."""
    return _joined(_FIRST, _SECOND)


@cache
def _given() -> tuple[tuple[str, str, str], ...]:
    return _joined(_GIVEN, _ENDING)


@cache
def _latin() -> tuple[str, ...]:
    return tuple("".join(pair) for pair in product(_LATIN.split(), _LATIN_ENDING.split()))


def _joined(first: str, second: str) -> tuple[tuple[str, str, str], ...]:
    pairs = product(
        (one.split() for one in first.split(",")), (two.split() for two in second.split(","))
    )
    return tuple((a[1] + b[1], a[0] + b[0], a[2] + b[2]) for a, b in pairs)


def person(number: int) -> Person:
    """The person with this number (any 64 bits): always the same one.

    Four of five have Japanese names. The most common surname has about 2 % of all, the next half of
    that, and so on down to those that hardly anybody has.
    """
    bits = number & 0xFFFFFFFF
    kind, birth, spread = bits % 5, (bits >> 3) % 32_000, (bits >> 7) / (1 << 25)
    given_at = number >> 32
    year, day = divmod(birth, 320)
    date = f"{1920 + year}{day // 27 + 1:02}{day % 27 + 1:02}"
    sex = "FM"[given_at & 1]
    if kind == 4:
        latin = _latin()
        return Person(f"{_ranked(latin, spread)}^{_LATIN_GIVEN.split()[given_at % 20]}", sex, date)
    a, b = _ranked(surnames(), spread), _given()[given_at % len(_given())]
    return Person(f"{a[0]}^{b[0]}={a[1]}^{b[1]}={a[2]}^{b[2]}", sex, date)


def _ranked(among: tuple[T, ...], spread: float) -> T:
    """Place `spread` (0 to 1) of a population in which the nth has about 1/n of the first's."""
    return among[min(len(among) - 1, int(len(among) ** spread) - 1 if spread else 0)]
