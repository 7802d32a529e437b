"""Who may do what: access keys, roles per data store, and the audit log."""

from iryo.access.audit import Audit
from iryo.access.caller import Caller
from iryo.access.keyfile import create_key_file
from iryo.access.keys import Access
from iryo.access.model import EVERYWHERE, AuditEvent, Key, Principal, Role

__all__ = [
    "EVERYWHERE",
    "Access",
    "Audit",
    "AuditEvent",
    "Caller",
    "Key",
    "Principal",
    "Role",
    "create_key_file",
]
