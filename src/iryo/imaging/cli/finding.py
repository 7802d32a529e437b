"""`iryo search`: image sets by names in any script, by ids, by date."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from iryo.errors import InvalidInput
from iryo.imaging.cli.terminal import DatastoreOption, JsonOption, Terminal, terminal_of
from iryo.imaging.cli.wording import day, first, name_forms, name_lines, short

if TYPE_CHECKING:
    from iryo.imaging.model import SearchFilter, SearchQuery
    from iryo.imaging.service.search import Hit

__all__ = ["search"]

_PAGE: Final = 200
_EARLIEST: Final = "00010101"
_LATEST: Final = "99991231"


def search(  # noqa: PLR0913 - one parameter per option
    context: typer.Context,
    text: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WORD",
            help="Beginnings of names (alphabetic, kanji or kana), patient id, accession number, "
            "words of the description.",
        ),
    ] = None,
    *,
    datastore: DatastoreOption = None,
    patient_id: Annotated[str | None, typer.Option(help="The whole patient id.")] = None,
    study_uid: Annotated[str | None, typer.Option(help="The Study Instance UID.")] = None,
    series_uid: Annotated[str | None, typer.Option(help="The Series Instance UID.")] = None,
    accession: Annotated[str | None, typer.Option(help="The accession number.")] = None,
    study_id: Annotated[str | None, typer.Option(help="The study id.")] = None,
    begin: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="Studies from this day on.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="Studies up to this day.")
    ] = None,
    modality: Annotated[str | None, typer.Option(help="CT, MR, US and so on.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing but ids, one a line.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Find image sets. Without words and options: the newest."""
    from iryo.imaging.model import Field, SearchFilter, SearchQuery, SortField
    from iryo.imaging.service.lookup import find_datastore

    terminal = terminal_of(context, json=json)
    store = find_datastore(terminal.room, datastore)
    filters = [
        SearchFilter(field, value)
        for field, value in (
            (Field.PATIENT_ID, patient_id),
            (Field.STUDY_UID, study_uid),
            (Field.SERIES_UID, series_uid),
            (Field.ACCESSION_NUMBER, accession),
            (Field.STUDY_ID, study_id),
        )
        if value is not None
    ]
    if begin or end:
        filters.append(_between(begin, end))
    query = SearchQuery(
        filters=tuple(filters),
        # Who looks for a person or a time wants the studies in their order, newest first.
        sort=SortField.STUDY_DATE_AND_TIME if text or begin or end else SortField.UPDATED_AT,
        text=" ".join(text or []),
        modality=modality and modality.upper(),
        limit=min(limit + 1, _PAGE),
    )
    hits: list[Hit] = []
    more = False
    with terminal.audited("cli:search", scope=store.id, resource=""):
        for hit in _all(terminal, store.id, query):
            if len(hits) == limit:
                more = True
                break
            hits.append(hit)
    if terminal.json or quiet:
        for hit in hits:
            terminal.emit(_form(store.id, hit)) if terminal.json else typer.echo(hit.id)
        return
    if not hits:
        terminal.err.print("Nothing was found.")
        return
    terminal.table(
        ["Image set", "Patient", "Patient id", "Study", "Kind", "Images", "Description"],
        [_row(hit) for hit in hits],
    )
    if more:
        terminal.err.print(f"There are more than {limit}; see them with --limit.")


def _between(begin: str | None, end: str | None) -> "SearchFilter":
    from iryo.imaging.model import Field, SearchFilter

    low = _date(begin) if begin else _EARLIEST
    high = _date(end) if end else _LATEST
    return SearchFilter(Field.STUDY_DATE_AND_TIME, low, f"{high}T235959.999999")


def _date(text: str) -> str:
    digits = text.replace("-", "").replace("/", "")
    if len(digits) != 8 or not (digits.isascii() and digits.isdigit()):
        raise InvalidInput(f"{text!r} is no date; expected 2026-11-25 or 20261125")
    return digits


def _all(terminal: Terminal, datastore_id: str, query: "SearchQuery") -> Iterator["Hit"]:
    """All results, page by page."""
    from iryo.imaging.service.search import search as find

    while page := find(terminal.room, datastore_id, query):
        yield from page
        query = replace(query, after=page[-1].position)


def _form(datastore_id: str, hit: "Hit") -> dict[str, Any]:
    return {
        "datastoreId": datastore_id,
        "imageSetId": hit.id,
        "version": hit.version,
        "isPrimary": hit.is_primary,
        "createdAt": hit.created_at,
        "updatedAt": hit.updated_at,
        "instances": hit.instance_count,
        "patientName": name_forms(hit.tags.get("DICOMPatientName")),
        "DICOMTags": hit.tags,
    }


def _row(hit: "Hit") -> tuple[str, ...]:
    tags = hit.tags
    return (
        short(hit.id) + ("" if hit.is_primary else "\n(not primary)"),
        name_lines(tags.get("DICOMPatientName")),
        first(tags.get("DICOMPatientId")),
        day(tags.get("DICOMStudyDate")),
        first(tags.get("DICOMSeriesModality")),
        str(hit.instance_count),
        first(tags.get("DICOMStudyDescription")),
    )
