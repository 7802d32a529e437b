"""Who knocks at the door of DICOMweb: access keys by SigV4 or Basic, bearer tokens, sessions."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from iryo.access import Access, Principal
from iryo.access.cookies import Visitors
from iryo.access.credentials import Credentials
from iryo.errors import NotAuthenticated, TooLarge
from iryo.imaging.dicomweb.call import BODILESS
from iryo.wire.http import Request
from iryo.wire.sigv4 import Verifier

__all__ = ["Entrance"]

_SIGNED = "AWS4-"
_PRESIGNED = "X-Amz-Signature="


@dataclass(frozen=True)
class Entrance:
    """Proves who sends a request.

    Attributes:
        access: the access keys.
        credentials: reads Authorization headers that carry a secret or a token.
        verifier: checks signatures (SigV4), in headers or in the query of a presigned URL.
        visitors: knows sessions of browsers. An Authorization header or a signature counts before
            a cookie, which browsers send unasked.
        max_body: bytes of a body that must be held whole, since only it says its hash.
    """

    access: Access
    credentials: Credentials
    verifier: Verifier
    visitors: Visitors
    max_body: int

    def at_once(self, request: Request) -> Principal | None:
        """The principal, where that is known without waiting; None: ask `enter`.

        Raises:
            NotAuthenticated: it is known that nobody is proven.
        """
        given = request.headers.get("authorization")
        if given is None or given.startswith(_SIGNED):
            if given is None and _PRESIGNED not in request.query:
                self._require_visitor(request)
                return self.visitors.at_once(request.method, request.headers)
            proven, _ = self.verifier.verify(request)
            return self.access.principal(proven.key_id)
        return self.credentials.at_once(given)

    def enter(self, request: Request, body: Iterator[bytes]) -> tuple[Principal, Iterator[bytes]]:
        """Who sends the request, and its body, which is checked as it is read if it is signed.

        `request` comes without its body. It may read the database and ask an OpenID provider.

        Raises:
            NotAuthenticated: nobody is proven.
            Unavailable: who must be asked is away.
        """
        given = request.headers.get("authorization")
        if given is not None and not given.startswith(_SIGNED):
            return self.credentials.principal(given), body
        if given is None and _PRESIGNED not in request.query:
            self._require_visitor(request)
            return self.visitors.principal(request.method, request.headers), body
        if request.method in BODILESS:
            proven, _ = self.verifier.verify(request)
            return self.access.principal(proven.key_id), body
        if "x-amz-content-sha256" in request.headers:
            proven, expected = self.verifier.verify_head(request)
            checked = body if expected is None else _checked(body, expected)
            return self.access.principal(proven.key_id), checked
        # The hash of the body is part of what is signed, and only the body says it.
        whole = self._whole(body)
        proven, whole = self.verifier.verify(replace(request, body=whole))
        return self.access.principal(proven.key_id), iter((whole,))

    def _require_visitor(self, request: Request) -> None:
        if not self.visitors.expected(request.headers):
            raise NotAuthenticated("found neither an Authorization header nor a session")

    def _whole(self, body: Iterator[bytes]) -> bytes:
        whole = bytearray()
        for piece in body:
            whole += piece
            if len(whole) > self.max_body:
                raise TooLarge(
                    f"found more than {self.max_body} signed bytes, expected the header "
                    "x-amz-content-sha256 with such a body"
                )
        return bytes(whole)


def _checked(body: Iterator[bytes], expected: str) -> Iterator[bytes]:
    """The pieces; at their end it is an error if they are not what was signed."""
    found = hashlib.sha256()
    for piece in body:
        found.update(piece)
        yield piece
    if found.hexdigest() != expected:
        raise NotAuthenticated("the body is not the one that was signed")
