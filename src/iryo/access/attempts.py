"""How often a password may be tried: counted in rows, so that all processes count together.

Counted are the name that was typed, whether somebody has it or not, and the address that it came
from. An attempt is counted before the password is looked at: who sends a hundred at once gets no
more looks than who sends them one after the other. After some in a row there is a wait, which
doubles; an attempt within a wait is refused, and does not lengthen it. Neither name nor address is
kept, only digests that nobody without the key file can make.
"""

import hashlib
import hmac
import ipaddress
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from iryo.access.clearing import clear_old
from iryo.access.store import attempts
from iryo.errors import Throttled
from iryo.jobs import utcnow
from iryo.store.sql import Database

__all__ = ["Attempts", "Limit", "TooManyAttempts"]

_FORGOTTEN: Final = timedelta(hours=24)


class TooManyAttempts(Throttled):
    """No password is looked at for so many seconds."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many attempts to sign in; try again in {seconds} seconds")
        self.seconds = seconds

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.seconds,))


@dataclass(frozen=True, slots=True)
class Limit:
    """Attempts in a row that are free, the longest wait after that, and how long they count."""

    free: int
    longest: timedelta
    counts_for: timedelta

    def wait(self, count: int) -> timedelta:
        """How long after that many attempts in a row: 0, then 1 s, 2 s, 4 s, up to the longest."""
        over = count - self.free
        if over < 0:
            return timedelta(0)
        return min(timedelta(seconds=2.0 ** min(over, 30)), self.longest)


# At most 5 + about 100 looks a day at one person's password (NIST SP 800-63B 5.2.2 has 100 in a
# row); who is kept out by another's attempts waits a quarter of an hour at most.
BY_NAME: Final = Limit(5, timedelta(minutes=15), timedelta(hours=12))
# A hospital may have one address to us: its people must not keep each other out for long.
BY_ADDRESS: Final = Limit(50, timedelta(seconds=60), timedelta(hours=1))

_LONG: Final = timedelta(seconds=30)


class Attempts:
    """The attempts of one installation.

    Args:
        database: where they are counted.
        secret: the key of the installation for this purpose.
        clock: the time that rows carry.
    """

    def __init__(
        self, database: Database, secret: bytes, clock: Callable[[], datetime] = utcnow
    ) -> None:
        self._database = database
        self._secret = secret
        self._clock = clock

    def begin(self, name: str, source: str) -> datetime:
        """Count an attempt, before the password is looked at; when that was.

        Args:
            name: as it was typed.
            source: the address that it comes from.

        Raises:
            TooManyAttempts: it must wait.
        """
        now = self._clock()
        with self._database.write() as connection:
            waits = [_count(connection, key, limit, now) for key, limit in self._keys(name, source)]
            if (wait := max(waits)) > timedelta(0):
                # Nothing is counted: the transaction is undone.
                raise TooManyAttempts(max(1, math.ceil(wait.total_seconds())))
            clear_old(connection, attempts.c.last_at, now - _FORGOTTEN)
        return now

    def succeeded(self, name: str, source: str, begun: datetime) -> None:
        """The attempt that `begin` counted then was right: it is taken back; the name is free.

        The address is as it was before, no freer: an attacker may have a password of their own.
        """
        with self._database.write() as connection:
            for key, limit in self._keys(name, source):
                if limit is BY_NAME:
                    connection.execute(delete(attempts).where(attempts.c.id == key))
                    continue
                row = update(attempts).where(attempts.c.id == key, attempts.c.tries > 0)
                connection.execute(row.values(tries=attempts.c.tries - 1))
                # Unless another has come since: the wait is then for what that one did.
                connection.execute(row.where(attempts.c.last_at == begun).values(until=begun))

    def kept_out(self, names: Iterable[str]) -> frozenset[str]:
        """Which of these names must wait for more than half a minute before the next attempt."""
        known = {self._digest("name", name.strip().casefold()): name for name in names}
        query = select(attempts.c.id).where(attempts.c.until > self._clock() + _LONG)
        with self._database.read() as connection:
            waiting = connection.execute(query).scalars().all()
        return frozenset(known[key] for key in waiting if key in known)

    def _keys(self, name: str, source: str) -> list[tuple[str, Limit]]:
        """The rows of an attempt, in the order in which they are locked."""
        digests = (
            (self._digest("name", name.strip().casefold()), BY_NAME),
            (self._digest("address", _network(source)), BY_ADDRESS),
        )
        return sorted(digests, key=lambda pair: pair[0])

    def _digest(self, what: str, text: str) -> str:
        told = f"{what} {text}".encode("utf-8", "replace")
        return hmac.digest(self._secret, told, hashlib.sha256).hex()


def _count(connection: Connection, key: str, limit: Limit, now: datetime) -> timedelta:
    """Lock the row and count, unless it must wait; how long it must."""
    row = _locked(connection, key, now)
    if row.until > now:
        wait: timedelta = row.until - now
        return wait
    tries = 1 if now - row.last_at > limit.counts_for else row.tries + 1
    connection.execute(
        update(attempts)
        .where(attempts.c.id == key)
        .values(tries=tries, last_at=now, until=now + limit.wait(tries))
    )
    return timedelta(0)


def _locked(connection: Connection, key: str, now: datetime) -> Any:
    """The row, which is made if there is none; who else counts it waits."""
    query = select(attempts).where(attempts.c.id == key).with_for_update()
    row = connection.execute(query).first()
    if row is not None:
        return row
    try:
        with connection.begin_nested():
            connection.execute(insert(attempts).values(id=key, tries=0, last_at=now, until=now))
    except IntegrityError:
        pass  # another attempt of the same moment has made it
    return connection.execute(query).one()


def _network(source: str) -> str:
    """Who holds an IPv6 address holds 2^64 of them, so those count as one."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return source
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
