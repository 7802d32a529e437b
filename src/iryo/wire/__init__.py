"""Wire: what travels between a client and iryo, with no knowledge of what any room can do.

`http` is the neutral request and response, `sigv4` proves who sent it, `tokens` seals page tokens,
`aws` speaks the AWS protocols from botocore's service models.
"""

from iryo.wire.http import Request, Response
from iryo.wire.tokens import PageTokens

__all__ = ["PageTokens", "Request", "Response"]
