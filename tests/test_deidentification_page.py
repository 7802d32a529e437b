"""The page of de-identification and the table of the code are one."""

from scripts.deidentification_page import PAGE, page


def test_the_page_is_what_the_table_makes() -> None:
    assert PAGE.read_text() == page(), "python scripts/deidentification_page.py"
