"""The parts of a multipart body, as the email package of Python takes it apart."""

from email import message_from_bytes
from email.message import Message
from typing import cast

import requests


def bodies(answer: requests.Response) -> list[tuple[str, bytes]]:
    """Content-Location (empty where there is none) and bytes of each part, in their order."""
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    found = cast("list[Message]", message_from_bytes(head + answer.content).get_payload())
    return [
        (str(one["content-location"] or ""), cast("bytes", one.get_payload(decode=True)))
        for one in found
    ]


def parts_of(answer: requests.Response) -> dict[str, bytes]:
    """The bytes of each part by its Content-Location."""
    return dict(bodies(answer))
