"""What keeps a page from being misused: headers, forged requests, addresses that lead away."""

import base64
import hmac
import re
from hashlib import sha256
from typing import Final

from iryo.errors import AccessDenied
from iryo.wire.http import Request

__all__ = ["PAGE_HEADERS", "SAFE", "own_path", "require_own", "token_for"]

SAFE: Final = frozenset({"GET", "HEAD"})

# No inline code and no eval. 'wasm-unsafe-eval' lets a module of WebAssembly be compiled, nothing
# more (W3C CSP 3, 4.2): the decoder of HTJ2K is one.
_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
    "style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; frame-ancestors 'none'; "
    "form-action 'self'; base-uri 'none'"
)
PAGE_HEADERS: Final = (
    ("content-security-policy", _POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), microphone=(), geolocation=(), payment=(), usb=(), interest-cohort=()",
    ),
)
"""Of every page. Search engines and caches have no business here either: see `Site`."""

_LONGEST: Final = 2000
_PATH: Final = re.compile(r"/(?:[^/\\\x00-\x20\x7f][^\\\x00-\x20\x7f]*)?")


def own_path(text: str, default: str = "/") -> str:
    r"""`text` if it is a path of ours, which a browser takes for nothing else; else `default`.

    ``//host`` and ``/\host`` are addresses of others (WHATWG URL 4.4), and so refused.
    """
    return text if len(text) <= _LONGEST and _PATH.fullmatch(text) else default


def token_for(secret: bytes, visitor: str) -> str:
    """What a form must send that was given to this visitor."""
    digest = hmac.digest(secret, visitor.encode("utf-8", "replace"), sha256)
    return base64.urlsafe_b64encode(digest[:24]).decode("ascii")


def require_own(request: Request, *, behind_proxy: bool) -> None:
    """An unsafe request comes from a page of ours.

    Browsers say so in Sec-Fetch-Site (W3C Fetch Metadata 2.4), older ones in Origin.

    Raises:
        AccessDenied: it comes from a page of somebody else's.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site not in {"same-origin", "none"}:
            raise AccessDenied("the request comes from another site's page")
        return
    origin = request.headers.get("origin")
    if origin is None:
        return  # no browser's: they name the origin of each POST
    host = request.headers.get("host", "")
    if behind_proxy:
        host = request.headers.get("x-forwarded-host", host).partition(",")[0].strip()
    if origin.partition("://")[2].lower() != host.lower():
        raise AccessDenied("the request comes from another site's page")
