"""The pages of studies and imports in Chromium: by keyboard, in both languages, with bad files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from iryo.access import Role
from iryo.access.cookies import cookie_name
from tests.imaging.served import Served
from tests.imaging.site import make_instance
from tests.imaging.web.archive import archive

pytestmark = [pytest.mark.browser, pytest.mark.small]

NAME: Final = "sato"
AXE: Final = Path(__file__).parents[3] / "web/node_modules/axe-core/axe.min.js"
SIZES: Final = {"en": (1024, 768), "ja": (2560, 1440)}


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with archive(tmp_path_factory.mktemp("pages")) as found:
        users = found.house.app.sign_in.users
        person = users.create(NAME, display_name="佐藤 花子", password="correct horse battery")
        users.grant(person.id, Role.WRITER)
        yield found


@contextmanager
def seen(
    chromium: Browser, there: Served, path: str, language: str = "en", **more: Any
) -> Iterator[Page]:
    """A page of a writer, in which nothing goes wrong and no script of a file runs."""
    known = there.house.app.sign_in
    person = known.users.named(NAME)
    assert person is not None
    token, _ = known.sessions.begin(person.id, "password", "test")
    width, height = SIZES[language]
    context = chromium.new_context(
        viewport={"width": width, "height": height},
        locale=language,
        **more,
    )
    context.add_cookies([{"name": cookie_name(secure=False), "value": token, "url": there.url}])
    context.add_init_script(path=AXE)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    page.goto(there.url + path)
    try:
        yield page
    finally:
        context.close()
    # Chromium tells so of the fading between two pages when it goes on too soon.
    assert [one for one in wrong if "Transition was" not in one] == []


def serious(page: Page) -> list[str]:
    """What axe finds that shuts people out."""
    found = page.evaluate("() => axe.run()")
    return [
        f"{one['id']}: {[node['html'] for node in one['nodes']]}"
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
    ]


PAGES = [
    "/studies/main",
    "/studies/main?q=nobody",
    "/studies/main/1.2.1",
    "/studies/main/1.2.2/1.2.2.1",
    "/studies/main/1.2.2/1.2.2.1/1.2.2.1.1",
    "/import/main",
]


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("ja", "dark")])
def test_everybody_can_use_them(
    chromium: Browser, there: Served, screenshots: Path, language: str, scheme: str
) -> None:
    for number, path in enumerate(PAGES[:: 1 if language == "en" else 2]):
        with seen(chromium, there, path, language, color_scheme=scheme) as page:
            assert serious(page) == [], path
            assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[language][0]
            page.screenshot(path=screenshots / f"studies-{number}-{language}-{scheme}.png")


def test_search_and_open_by_keyboard_alone(chromium: Browser, there: Served) -> None:
    with seen(chromium, there, "/studies/main") as page:
        rows = page.locator("#found a.lead")
        expect(rows).to_have_count(4)
        page.locator("body").click(position={"x": 500, "y": 5})
        page.keyboard.press("/")
        expect(page.locator("#q")).to_be_focused()
        page.keyboard.type("ﾔﾏﾀﾞ")
        expect(rows).to_have_count(1)
        assert "q=%EF%BE%94" in page.url
        page.keyboard.press("ArrowDown")
        expect(rows.first).to_be_focused()
        page.keyboard.press("ArrowUp")
        expect(page.locator("#q")).to_be_focused()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_url("**/studies/main/1.2.1")
        expect(page.locator("h1")).to_have_text("胸部CT")
        page.go_back()
        expect(rows).to_have_count(1)
        expect(page.locator("#q")).to_have_value("ﾔﾏﾀﾞ")


def test_filters(chromium: Browser, there: Served) -> None:
    with seen(chromium, there, "/studies/main", "ja") as page:
        rows = page.locator("#found a.lead")
        page.get_by_label("モダリティ").select_option("MR")
        expect(rows).to_have_count(3)
        expect(page.locator("#first")).to_be_hidden()
        page.get_by_text("期間指定").click()
        page.locator("#first").fill("2026-10-03")
        page.locator("#last").fill("2026-10-03")
        expect(rows).to_have_count(1)
        page.get_by_text("全期間").click()
        expect(rows).to_have_count(3)
        page.locator("a.sorter").click()
        expect(rows.first).to_contain_text("<script>")


def test_a_study_is_deleted_after_a_question_that_names_it(
    chromium: Browser, there: Served, tmp_path: Path
) -> None:
    make_instance(tmp_path / "9", sop="1.2.9.1.1", study="1.2.9", series="1.2.9.1", PatientID="P9")
    there.house.imported(tmp_path / "9")
    with seen(chromium, there, "/studies/main/1.2.9", "ja") as page:
        page.get_by_role("button", name="削除").click()
        dialog = page.locator("dialog#delete")
        expect(dialog).to_contain_text("P9")
        expect(dialog).to_contain_text("Doe, Jane")
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        page.get_by_role("button", name="削除").click()
        dialog.get_by_role("button", name="削除").click()
        page.wait_for_url("**/studies/main?deleted=1")
        expect(page.locator("main")).to_contain_text("検査を削除しています")


def folder(base: Path) -> Path:
    """A folder as people have them: two series, a text, and a file that is cut off."""
    for series in (1, 2):
        for number in range(1, 16):
            make_instance(
                base / str(series) / f"{number}.dcm",
                sop=f"1.2.7.{series}.{number}",
                study="1.2.7",
                series=f"1.2.7.{series}",
                PatientName="Sakura^Hanako=佐倉^花子",
            )
    (base / "<b>read me.txt").write_text("not DICOM")
    whole = (base / "1" / "1.dcm").read_bytes()
    (base / "cut.dcm").write_bytes(whole[:-99])
    return base


def test_a_folder_is_sent_though_the_server_goes_away(
    chromium: Browser, there: Served, tmp_path: Path
) -> None:
    with seen(chromium, there, "/import/main") as page:
        away = 2

        def sometimes(route: Route) -> None:
            nonlocal away
            away -= 1
            if away >= 0:
                route.abort("connectionrefused")
            else:
                route.continue_()

        page.route("**/dicomweb/**", sometimes)
        page.set_input_files('[data-part="folder"]', folder(tmp_path / "CD"))
        state = page.locator('[data-part="state"]')
        expect(state).to_contain_text("The server does not answer")
        expect(state).to_have_text("Done, but not all files were taken", timeout=30_000)
        figures = [page.locator(f'[data-part="figure-{name}"]') for name in FIGURES]
        assert [one.text_content() for one in figures] == ["31", "30", "1", "1"]
        expect(page.locator('[data-part="failures"]')).to_contain_text("CD/cut.dcm")
        expect(page.locator('[data-part="failures"]')).to_contain_text("(C000)")
        page.locator("summary").click()
        expect(page.locator('[data-part="others"]')).to_contain_text("CD/<b>read me.txt")
        page.get_by_role("link", name="Look at 1 studies").click()
        expect(page.locator("main")).to_contain_text("佐倉 花子")


FIGURES = ("files", "stored", "failed", "others")


def test_sending_is_paused_goes_on_and_is_cancelled(
    chromium: Browser, there: Served, tmp_path: Path
) -> None:
    with seen(chromium, there, "/import/main", "ja") as page:
        waiting: list[Route] = []
        page.route("**/dicomweb/**", lambda route: waiting.append(route))  # noqa: PLW0108
        page.set_input_files('[data-part="folder"]', folder(tmp_path / "CD"))
        state = page.locator('[data-part="state"]')
        expect(state).to_have_text("送信しています")
        page.get_by_role("button", name="一時停止").click()
        expect(state).to_have_text("一時停止中")
        page.locator('[data-part="go-on"]').click()
        expect(state).to_have_text("送信しています")
        page.get_by_role("button", name="キャンセル").click()
        expect(state).to_contain_text("中止しました")
        assert page.locator('[data-part="figure-stored"]').text_content() == "0"
        page.unroute("**/dicomweb/**")
        page.set_input_files('[data-part="files"]', [tmp_path / "CD" / "1" / "1.dcm"])
        expect(state).to_have_text("完了: すべてのファイルを保存しました")


def test_who_may_not_write_is_told(chromium: Browser, there: Served, tmp_path: Path) -> None:
    make_instance(tmp_path / "1.dcm", sop="1.2.8.1.1")
    with seen(chromium, there, "/import/main") as page:
        page.route("**/dicomweb/**", lambda route: route.fulfill(status=403, body="{}"))
        page.set_input_files('[data-part="files"]', [tmp_path / "1.dcm"])
        expect(page.locator('[data-part="state"]')).to_contain_text("The server refuses")


def test_what_is_dropped_is_taken(chromium: Browser, there: Served) -> None:
    with seen(chromium, there, "/import/main") as page:
        page.evaluate(
            """() => {
              const transfer = new DataTransfer();
              transfer.items.add(new File(["nothing"], "note.txt"));
              const drop = new DragEvent("drop", { dataTransfer: transfer, cancelable: true });
              document.dispatchEvent(drop);
            }"""
        )
        expect(page.locator('[data-part="state"]')).to_contain_text("none of the files is DICOM")
