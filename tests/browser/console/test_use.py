"""The console as it is used: signing in, by keyboard, live, locked, without the server."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.console.conftest import EVIL, PASSWORD, Console, Window, Windows

pytestmark = pytest.mark.browser


def test_the_keyboard_goes_everywhere(window: Window) -> None:
    page = window.page
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("g")
    page.keyboard.press("j")
    page.wait_for_url("**/console/jobs")
    page.keyboard.press("?")
    expect(page.locator("#keyboard")).to_be_visible()
    page.keyboard.press("g")  # a dialog is open: letters lead nowhere
    page.keyboard.press("h")
    page.keyboard.press("Escape")
    expect(page.locator("#keyboard")).to_be_hidden()
    assert page.url.endswith("/console/jobs")


def test_stored_text_is_shown_and_never_run(window: Window, console: Console) -> None:
    page = window.page
    for path, text in (
        ("/", EVIL),
        ("/console/datastores", EVIL),
        ("/console/people", EVIL),
        (f"/console/jobs/{console.job.id}", "<b>bad.dcm"),
    ):
        window.open(path)
        expect(page.locator("bdi", has_text=text).first).to_be_visible()
        assert page.locator("img").count() == 0


def test_no_page_is_framed_and_no_code_gets_in(window: Window) -> None:
    page = window.page
    page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.hit=1\">')"
    )
    page.evaluate(
        "const s = document.createElement('script'); s.textContent = 'window.hit = 2';"
        "document.body.append(s)"
    )
    assert page.evaluate("window.hit") is None
    assert any("Content Security Policy" in fault for fault in window.faults)
    window.faults.clear()
    page.evaluate(
        "const f = document.createElement('iframe'); f.src = '/'; document.body.append(f)"
    )
    page.wait_for_function("() => document.querySelector('iframe') !== null")
    assert page.frames[-1].url in {"", "about:blank", "chrome-error://chromewebdata/"}
    window.faults.clear()


def test_jobs_move_while_one_looks(window: Window, console: Console) -> None:
    app, page = console.place.house.app, window.page
    window.open("/")
    with app.database.write() as connection:
        job = app.jobs.submit(connection, kind="test.moves", scope="*", payload={})
    row = page.locator("#running li", has_text="test.moves")
    expect(row).to_contain_text("Waiting")
    leased = app.jobs.lease("test", ["test.moves"], 60)
    assert leased is not None
    window.open("/console/jobs")
    moving = page.locator(f"#job-{job.id}")
    expect(moving).to_contain_text("Running")
    app.jobs.complete(leased, None)
    expect(moving).to_contain_text("Completed")


def test_a_locked_page_keeps_what_was_open(window: Window) -> None:
    page = window.page
    window.open("/console/people")
    page.locator("[data-open=new-user]").click()
    page.locator("#field-name").fill("half typed")
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.keyboard.press("g")
    page.keyboard.press("l")
    expect(page.locator("#lock")).to_be_visible()
    expect(page.locator("h1")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("#lock")).to_be_visible()
    window.keep("locked")
    page.locator("#lock-password").fill("wrong horse battery")
    page.keyboard.press("Enter")
    expect(page.locator("#lock-fault")).to_have_text("The password is not right.")
    window.faults.clear()  # the browser notes the 403
    page.locator("#lock-password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#lock")).to_be_hidden()
    page.locator("[data-open=new-user]").click()
    expect(page.locator("#field-name")).to_have_value("half typed")


def test_a_locked_session_shows_the_door_on_the_next_page(window: Window) -> None:
    page = window.page
    with page.expect_response("**/lock") as answered:
        page.keyboard.press("g")
        page.keyboard.press("l")
    assert answered.value.status == 204
    window.open("/console/audit")
    expect(page.locator("h1")).to_have_text("Unlock")
    page.locator("#name").fill("sato")
    page.locator("#password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/audit")


def test_a_server_that_goes_away_is_told_of(window: Window, console: Console) -> None:
    page = window.page
    page.clock.install()
    page.route("**/live*", lambda route: route.abort())
    window.open("/console/jobs")
    page.clock.run_for(4000)
    expect(page.locator("#offline")).to_be_visible()
    expect(page.locator(f"#job-{console.job.id}")).to_be_visible()
    page.unroute("**/live*")
    page.clock.run_for(4000)
    expect(page.locator("#offline")).to_be_hidden()
    window.faults.clear()  # the browser notes each request that failed


def test_language_and_colours_are_chosen(windows: Windows) -> None:
    window = windows()
    window.sign_in(name="suzuki")  # whose language it becomes
    page = window.page
    page.locator("[popovertarget=person]").click()
    page.locator("#person button", has_text="日本語").click()
    expect(page.locator("html")).to_have_attribute("lang", "ja")
    expect(page.locator("h1")).to_have_text("ホーム")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("[popovertarget=person]").click()
    page.locator("#person button", has_text="ダーク").click()
    expect(page.locator("html")).to_have_attribute("data-scheme", "dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before


def test_an_invited_user_gets_in(window: Window, windows: Windows) -> None:
    page = window.page
    window.open("/console/people")
    page.locator("[data-open=new-user]").click()
    page.locator("#field-name").fill("tanaka")
    page.locator("#new-user button.first").click()
    link = page.locator("#link").inner_text()
    assert link.startswith(window.url)
    other = windows("ja", "light")
    other.page.goto(link)
    other.keep("invited")
    other.page.locator("#password").fill("gentle river stones")
    other.page.locator("#again").fill("gentle river stones")
    other.page.keyboard.press("Enter")
    other.page.wait_for_url(other.url + "/")
    expect(other.page.locator("h1")).to_have_text("ホーム")
    expect(other.page.locator("nav").first).not_to_contain_text("管理")


def test_what_cannot_be_undone_is_asked_first(window: Window) -> None:
    page = window.page
    window.open("/console/datastores")
    page.locator("[data-open=new-store]").click()
    page.locator("#field-name").fill("for a moment")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/console/datastores/[0-9a-z]{32}"))
    page.locator(".actions .danger").click()
    question = page.locator("dialog[role=alertdialog]")
    expect(question).to_contain_text("It must be empty")
    question.get_by_role("button", name="Cancel").click()
    expect(question).to_have_count(0)
    page.locator(".actions .danger").click()
    question.get_by_role("button", name="Delete").click()
    page.wait_for_url("**/console/datastores")
    expect(page.locator("main")).not_to_contain_text("for a moment")


def test_the_audit_log_is_narrowed_while_one_types(window: Window) -> None:
    page = window.page
    window.open("/console/audit")
    with page.expect_response(lambda one: "action=nothing" in one.url):
        page.locator("#field-action").fill("nothing")
    expect(page.locator("#events")).to_contain_text("No events")
    assert "action=nothing" in page.url
