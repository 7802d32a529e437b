"""The DIMSE door (PS3.4, PS3.7, PS3.8): an SCP in a process of its own, and the SCU side.

    failures.py       how an association ends early
    channel.py        PDUs on one connection, in bounded memory (PS3.8 9.3)
    associate.py      A-ASSOCIATE: what is asked, what is granted (PS3.8 9.3.2, PS3.7 D.3)
    command.py        command sets as bytes (PS3.7 6.3, annex E)
    association.py    messages on an established association (PS3.7 6.3, PS3.8 annex E)
    requestor.py      associations that we ask for; tls.py: how they are secured
    identifier.py     data sets of requests, read; answers.py: of answers, written

    entity.py         our application entity, and one session with a peer
    scp.py            who is let in (offer.py: and with what; refusals.py: and who is not), requests
    echo.py storing.py finding.py retrieving.py commitment.py    a service each; status.py
    sending.py        C-STORE as the SCU: of C-GET, C-MOVE and scu.py (outgoing.py: what is sent)

What is stored goes from the socket to who stores it, a fragment at a time. Why the upper layer is
our own: docs/decisions/0016-an-upper-layer-of-our-own.md.
"""
