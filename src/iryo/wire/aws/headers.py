"""Lists in one header (Smithy, "httpHeader": quoted where an item holds a comma or a quote)."""

__all__ = ["read_list", "write_list"]


def read_list(text: str, *, dates: bool) -> list[str]:
    """The items of a header's list.

    Args:
        text: the value of the header.
        dates: whether the items are RFC 822 dates, of which each holds a comma.
    """
    items = _split(text)
    if dates:
        return [", ".join(items[index : index + 2]) for index in range(0, len(items), 2)]
    return items


def _split(text: str) -> list[str]:
    items: list[str] = []
    at, size = 0, len(text)
    while at <= size:
        while at < size and text[at] in " \t":
            at += 1
        if text[at : at + 1] == '"':
            item, at = _quoted(text, at + 1)
            items.append(item)
            comma = text.find(",", at)
        else:
            comma = text.find(",", at)
            items.append(text[at : comma if comma >= 0 else size].rstrip(" \t"))
        at = comma + 1 if comma >= 0 else size + 1
    return items


def _quoted(text: str, at: int) -> tuple[str, int]:
    """The item from `at`, just after its quote, and where its closing quote ends."""
    found = []
    while at < len(text) and text[at] != '"':
        if text[at] == "\\" and at + 1 < len(text):
            at += 1
        found.append(text[at])
        at += 1
    return "".join(found), at + 1


def write_list(items: list[str], *, quoted: bool) -> str:
    """The items as one header's value."""
    return ",".join(_quote(item) if quoted else item for item in items)


def _quote(item: str) -> str:
    if "," not in item and '"' not in item:
        return item
    escaped = item.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
