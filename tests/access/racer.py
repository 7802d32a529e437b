"""A process of an installation that tries something at the moment that it is told to.

    python -m tests.access.racer URL accept TOKEN
    python -m tests.access.racer URL attempt NAME TIMES

It says that it is ready, waits for a line, and then says how often it was let through.
"""

import sys
import tempfile
from pathlib import Path

from iryo.access import Audit
from iryo.access.attempts import Attempts, TooManyAttempts
from iryo.access.users import Users
from iryo.errors import NotAuthenticated
from iryo.store.sql import Database


def main(url: str, what: str, *given: str) -> None:
    """Do so."""
    database = Database(url)
    with tempfile.TemporaryDirectory() as folder:
        audit = Audit(database, Path(folder))
        users = Users(database, b"secret", audit)
        attempts = Attempts(database, b"secret")
        users.list()  # the connection is there
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        let = 0
        try:
            if what == "accept":
                users.accept(given[0])
                let = 1
            else:
                for _ in range(int(given[1])):
                    attempts.begin(given[0], "192.0.2.1")
                    let += 1
        except (NotAuthenticated, TooManyAttempts):
            pass
        audit.close()
    database.close()
    sys.stdout.write(f"{let}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
