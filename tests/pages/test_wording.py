"""How values are written for readers of each language."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from iryo.pages.languages import choose, open_languages
from iryo.pages.wording import Wording, zone_of

LANGUAGES = open_languages([Path("src/iryo/pages/locale")])
MOMENT = datetime(2026, 11, 24, 23, 30, 5, tzinfo=UTC)


def wording(language: str, zone: str = "Asia/Tokyo") -> Wording:
    return Wording(LANGUAGES[language], zone_of(zone))


def test_moments_are_in_the_readers_zone() -> None:
    english, japanese = wording("en").when(MOMENT), wording("ja").when(MOMENT)
    assert ">25 Nov 2026, 08:30:05</time>" in english
    assert ">2026/11/25 08:30:05</time>" in japanese
    assert 'datetime="2026-11-24T23:30:05+00:00"' in english
    assert wording("en").when(None) == "–"


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "/etc/passwd", "x" * 65])
def test_zones_that_are_none(zone: str) -> None:
    assert zone_of(zone).utcoffset(MOMENT) == timedelta(0)


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (99_449, "99.4 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (8_400_000_000_000, "8.4 TB"),
        (10**19, "10000 PB"),
    ],
)
def test_sizes(count: int, told: str) -> None:
    assert wording("en").size(count) == told


def test_counts_and_times() -> None:
    english, japanese = wording("en"), wording("ja")
    assert english.number(1048576) == "1,048,576"
    assert (english.percent(0.25), japanese.percent(0.25)) == ("25%", "25%")
    assert (english.duration(90), japanese.duration(90)) == ("2 minutes", "2 分")
    assert japanese.day(MOMENT) == "2026/11/25"


class TestLanguages:
    @pytest.mark.parametrize(
        ("wishes", "accept", "tag"),
        [
            ((), "", "en"),
            ((), "ja", "ja"),
            ((), "JA-jp;q=0.9, en;q=0.8", "ja"),
            ((), "en;q=0.2, ja;q=0.3", "ja"),
            ((), "ja;q=0, de", "en"),
            ((), "ja;q=x, de;q=0.1", "en"),
            ((), "*, ;, ;;q=,", "en"),
            (("en", "ja"), "ja", "en"),
            (("", "ja"), "en", "ja"),
            (("de",), "", "en"),
        ],
    )
    def test_the_strongest_wish_that_is_offered(
        self, wishes: tuple[str, ...], accept: str, tag: str
    ) -> None:
        assert choose(LANGUAGES, *wishes, accept=accept).tag == tag

    def test_forms_of_counts(self) -> None:
        english, japanese = LANGUAGES["en"], LANGUAGES["ja"]
        assert [english.plural("one", "many", n) for n in (0, 1, 2)] == ["many", "one", "many"]
        assert japanese.plural("no such text", "no such texts", 1) == "no such texts"

    def test_what_scripts_say_is_told_apart(self, tmp_path: Path) -> None:
        (tmp_path / "ja.po").write_text(
            '#: web/shell/a.ts\nmsgid "Close"\nmsgstr "閉じる"\n\n'
            '#: site.py\nmsgid "Home"\nmsgstr "ホーム"\n\n'
            'msgid "empty"\nmsgstr ""\n\n#, fuzzy\nmsgid "vague"\nmsgstr "曖昧"\n\n'
            'msgid "%(num)s day"\nmsgid_plural "%(num)s days"\nmsgstr[0] "%(num)s日"\n'
        )
        japanese = open_languages([tmp_path, tmp_path / "none"])["ja"]
        assert japanese.scripts == {"shell": {"Close": "閉じる"}}
        assert [japanese.text(one) for one in ("Home", "empty", "vague")] == [
            "ホーム",
            "empty",
            "vague",
        ]
        assert japanese.plural("%(num)s day", "%(num)s days", 1) == "%(num)s日"
