"""An OpenID provider of the tests' own, behind a real HTTP server: it signs people in by code."""

import hashlib
import json
import secrets
import threading
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

__all__ = ["Issuer", "rsa", "serving"]

CLIENT = "console"
SECRET = "s%cret:of the client"  # with what must be encoded


@cache
def rsa(kid: str, place: int = 0) -> RSAKey:
    """A key, made once: that takes a while."""
    del place
    return RSAKey.generate_key(2048, {"kid": kid}, auto_kid=False)


@dataclass
class Issuer:
    """A provider: its keys, what it says of itself, and who is signed in at it."""

    url: str
    keys: list[Any]
    about: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    away: bool = False
    person: dict[str, Any] = field(default_factory=dict)
    """What ID tokens claim; None takes a claim away."""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    """What was asked for, by the code that was given for it."""
    answer: Any = None
    """What the token endpoint says instead of what it should."""
    moved: str = ""
    """Where the token endpoint sends its clients instead."""

    def token(self, key: Any = None, algorithm: str = "RS256", **claims: Any) -> str:
        """A good token, but for what is said otherwise; None takes a claim away."""
        key = key or self.keys[0]
        said = {
            "iss": self.url,
            "aud": ["iryo", "account"],
            "sub": "ab-12",
            "exp": 2_000,
            "iat": 900,
            "realm_access": {"roles": ["reader", "writer:store1"]},
        } | claims
        said = {name: value for name, value in said.items() if value is not None}
        header = {"alg": algorithm, "kid": key.kid}
        return jwt.encode(header, said, key, algorithms=[algorithm])

    def authorize(self, asked: dict[str, str]) -> str:
        """Where a person who has signed in is sent (RFC 6749 4.1.2)."""
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        back = urlencode({"code": code, "state": asked["state"], "iss": self.url})
        return f"{asked['redirect_uri']}?{back}"

    def exchange(self, form: dict[str, str], authorization: str) -> tuple[int, Any]:
        """What a code is worth (RFC 6749 4.1.4, RFC 7636 4.6)."""
        if self.answer is not None:
            return 200, self.answer
        posted = self.about.get("token_endpoint_auth_methods_supported") == ["client_secret_post"]
        given = form.get("client_secret", "")
        if not posted:
            pair = b64decode(authorization.removeprefix("Basic ")).decode().split(":")
            given = unquote(pair[1]) if pair[0] == CLIENT else ""
        if given != SECRET:
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(form["code"], None)
        made = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = urlsafe_b64encode(made).rstrip(b"=").decode()
        if (
            asked is None
            or form["grant_type"] != "authorization_code"
            or form["redirect_uri"] != asked["redirect_uri"]
            or challenge != asked["code_challenge"]
        ):
            return 400, {"error": "invalid_grant"}
        claims = {"aud": CLIENT, "nonce": asked["nonce"], **self.person}
        return 200, {"id_token": self.token(**claims), "token_type": "Bearer", "access_token": "x"}


@contextmanager
def serving() -> Iterator[Issuer]:
    """A provider that answers."""
    made = Issuer("", [rsa("first")])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            parts = urlsplit(self.path)
            if parts.path == "/authorize":
                asked = {name: one for name, (one, *_) in parse_qs(parts.query).items()}
                self.send_response(302)
                self.send_header("location", made.authorize(asked))
                self.send_header("content-length", "0")
                self.end_headers()
            elif parts.path == "/jwks":
                self.tell(200, KeySet(made.keys).as_dict(private=False))
            else:
                about = {
                    "issuer": made.url,
                    "jwks_uri": f"{made.url}/jwks",
                    "authorization_endpoint": f"{made.url}/authorize",
                    "token_endpoint": f"{made.url}/token",
                }
                self.tell(200, about | made.about)

        def do_POST(self) -> None:
            made.asked.append(self.path)
            if made.moved:
                self.send_response(302)
                self.send_header("location", made.moved)
                self.send_header("content-length", "0")
                self.end_headers()
                return
            sent = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {name: one for name, (one, *_) in parse_qs(sent).items()}
            self.tell(*made.exchange(form, self.headers.get("authorization", "")))

        def tell(self, status: int, said: Any) -> None:
            data = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(500 if made.away else status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield made
        server.shutdown()
        thread.join()
