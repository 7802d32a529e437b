"""Every page, in both languages and both schemes: axe finds nothing, and a picture is kept."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.browser.console.conftest import Console, Windows

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parent.parent.parent.parent
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
TITLES = {
    "/": ("Home", "ホーム"),
    "/console/jobs": ("Jobs", "ジョブ"),
    "/console/datastores": ("Data stores", "データストア"),
    "/console/people": ("Users and keys", "利用者とアクセスキー"),
    "/console/audit": ("Audit", "監査ログ"),
    "/console/health": ("Health", "稼働状況"),
    "/account": ("Your account", "アカウント"),
    "/design": ("Design language", "デザインガイド"),
}


def serious(page: Any) -> list[str]:
    """What axe finds against WCAG 2.2 AA, with the elements."""
    page.evaluate(AXE.read_text())  # as the debugger does it: the policy lets no such code in
    found = page.evaluate(
        "async () => (await axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa',"
        " 'best-practice']})).violations.map(v => `${v.id}: ${v.help}: "
        "${v.nodes.slice(0, 3).map(n => n.html).join(' ')}`)"
    )
    return list(found)


# A wide window shows the same elements in the same colours: only its width is looked at.
@pytest.mark.parametrize(
    ("language", "scheme", "width"),
    [("en", "light", 1024), ("ja", "dark", 1024), ("ja", "light", 2560)],
)
def test_pages_are_accessible(
    windows: Windows, console: Console, language: str, scheme: str, width: int
) -> None:
    window = windows(language, scheme, width)
    page = window.page
    window.open("/sign-in")
    assert width > 1024 or serious(page) == []
    window.keep("sign-in")
    window.sign_in()
    found = {}
    for path in [*TITLES, f"/console/jobs/{console.job.id}"]:
        window.open(path)
        if path == "/console/health":
            page.locator("#findings table").wait_for()
        if path in TITLES:
            assert page.locator("h1").inner_text() == TITLES[path][language == "ja"]
        if width == 1024 and (faults := serious(page)):
            found[path] = faults
        wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not wide, f"{path} is wider than its window"
        window.keep(path.strip("/").replace("/", "-")[:24] or "home")
    assert not found, json.dumps(found, indent=1)


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("ja", "dark")])
def test_what_opens_is_accessible(windows: Windows, language: str, scheme: str) -> None:
    window = windows(language, scheme, 768)
    page = window.page
    window.sign_in("/console/people")
    found = {}
    for name, button in (("menu", "[popovertarget=person]"), ("invite", "[data-open=new-user]")):
        page.locator(button).click()
        if faults := serious(page):
            found[name] = faults
        window.keep(name)
        page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.locator("#keyboard").wait_for()
    if faults := serious(page):
        found["keyboard"] = faults
    window.keep("keyboard")
    assert not found, json.dumps(found, indent=1)
