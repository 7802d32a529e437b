"""Which audit message (PS3.15 A.5.3) tells of which action. Codes are of PS3.16 CID 400 and 401."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["ACTIVITY", "AUDIT_USED", "DIMSE", "KINDS", "QUERY", "TRANSFERRED", "USER", "Kind"]
__all__ += ["START", "STOP", "kind_of"]

ACTIVITY: Final = "110100"
AUDIT_USED: Final = "110101"
ACCESSED: Final = "110103"
TRANSFERRED: Final = "110104"
EXPORT: Final = "110106"
IMPORT: Final = "110107"
QUERY: Final = "110112"
ALERT: Final = "110113"
USER: Final = "110114"

START: Final = "ApplicationStart"
STOP: Final = "ApplicationStop"

_EVENTS: Final = {
    ACTIVITY: "Application Activity",
    AUDIT_USED: "Audit Log Used",
    ACCESSED: "DICOM Instances Accessed",
    TRANSFERRED: "DICOM Instances Transferred",
    EXPORT: "Export",
    IMPORT: "Import",
    QUERY: "Query",
    ALERT: "Security Alert",
    USER: "User Authentication",
}
_TYPES: Final = {
    "110120": "Application Start",
    "110121": "Application Stop",
    "110122": "Login",
    "110123": "Logout",
    "110126": "Node Authentication",
    "110128": "Network Configuration",
    "110129": "Security Configuration",
    "110131": "Software Configuration",
    "110132": "Use of Restricted Function",
    "110133": "Audit Recording Stopped",
    "110136": "Security Roles Changed",
    "110137": "User Security Attributes Changed",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A message: its event, EventActionCode (C, R, U, D, E), and the type within the event.

    `inward`: instances came to us; otherwise they left.
    """

    event: str
    act: str
    type: str | None = None
    inward: bool = False

    @property
    def meaning(self) -> str:
        """Of the event's code."""
        return _EVENTS[self.event]

    @property
    def type_meaning(self) -> str:
        """Of the type's code; empty without one."""
        return _TYPES[self.type] if self.type is not None else ""

    @property
    def images(self) -> bool:
        """Whether studies and patients are what it was done to."""
        return self.event in {ACCESSED, TRANSFERRED, EXPORT, IMPORT}


_LOGIN: Final = Kind(USER, "E", "110122")
_LOGOUT: Final = Kind(USER, "E", "110123")
_READ: Final = Kind(ACCESSED, "R")
_CHANGED: Final = Kind(ACCESSED, "U")
_DELETED: Final = Kind(ACCESSED, "D")
_SENT: Final = Kind(TRANSFERRED, "R")
_RECEIVED: Final = Kind(TRANSFERRED, "C", inward=True)
_ASKED: Final = Kind(QUERY, "E")
_GIVEN_OUT: Final = Kind(EXPORT, "R")
_TAKEN_IN: Final = Kind(IMPORT, "C")
_SOFTWARE: Final = Kind(ALERT, "E", "110131")
_NETWORK: Final = Kind(ALERT, "E", "110128")
_SECURITY: Final = Kind(ALERT, "E", "110129")
_RESTRICTED: Final = Kind(ALERT, "E", "110132")
_ROLES: Final = Kind(ALERT, "E", "110136")
_KEYS: Final = Kind(ALERT, "E", "110137")

DIMSE: Final = frozenset({"A-ASSOCIATE", "C-ECHO", "C-FIND", "C-GET", "C-MOVE", "C-STORE"})
"""Actions whose actor is an application entity."""

KINDS: Final[Mapping[str, Kind | None]] = {
    "Authenticate": _LOGIN,
    # People; what is locked has signed nobody out, and yet nobody gets further without a password.
    "SignIn": _LOGIN,
    "UnlockSession": _LOGIN,
    "LockSession": _LOGOUT,
    "SignOut": _LOGOUT,
    "CreateUser": _KEYS,
    "DescribeUser": _KEYS,
    "DisableUser": _KEYS,
    "EnableUser": _KEYS,
    "GrantUser": _ROLES,
    "InviteUser": _KEYS,
    "RevokeUser": _ROLES,
    "SetPassword": _KEYS,
    START: Kind(ACTIVITY, "E", "110120"),
    STOP: Kind(ACTIVITY, "E", "110121"),
    "AuditSpoolDamaged": Kind(ALERT, "E", "110133"),
    # AWS HealthImaging
    "medical-imaging:CopyImageSet": Kind(ACCESSED, "C"),
    "medical-imaging:CreateDatastore": _SOFTWARE,
    "medical-imaging:DeleteDatastore": _SOFTWARE,
    "medical-imaging:DeleteImageSet": _DELETED,
    "medical-imaging:GetDICOMImportJob": None,
    "medical-imaging:GetDatastore": None,
    "medical-imaging:GetImageFrame": _READ,
    "medical-imaging:GetImageSet": _READ,
    "medical-imaging:GetImageSetMetadata": _READ,
    "medical-imaging:ListDICOMImportJobs": None,
    "medical-imaging:ListDatastores": None,
    "medical-imaging:ListImageSetVersions": _READ,
    "medical-imaging:ListTagsForResource": None,
    "medical-imaging:SearchImageSets": _ASKED,
    "medical-imaging:StartDICOMImportJob": _TAKEN_IN,
    "medical-imaging:TagResource": _SOFTWARE,
    "medical-imaging:UntagResource": _SOFTWARE,
    "medical-imaging:UpdateImageSetMetadata": _CHANGED,
    # DICOMweb; see also `_BEGINNINGS`
    "StoreInstances": _RECEIVED,
    "DeleteInstances": _DELETED,
    "DeleteImageSet": _DELETED,
    "RetrieveCapabilities": None,
    # Pages
    "ShowStudy": _READ,
    "ShowSeries": _READ,
    "ShowInstance": _READ,
    "DeleteStudy": _DELETED,
    "ImportFolder": _TAKEN_IN,
    "ShowImport": None,
    "StoreMeasurements": Kind(ACCESSED, "C"),
    # DIMSE
    "A-ASSOCIATE": Kind(ALERT, "E", "110126"),
    "C-ECHO": None,
    "C-FIND": _ASKED,
    "C-GET": _SENT,
    "C-MOVE": _SENT,
    "C-STORE": _RECEIVED,
    # Pages of the console
    "console:audit": Kind(AUDIT_USED, "R"),
    "console:datastores.create": _SOFTWARE,
    "console:datastores.delete": _SOFTWARE,
    "console:jobs.cancel": None,
    "console:jobs.resume": None,
    "console:jobs.show": None,
    "console:keys.create": _KEYS,
    "console:keys.disable": _KEYS,
    # The program
    "cli:audit": Kind(AUDIT_USED, "R"),
    "cli:audit.export": Kind(AUDIT_USED, "R"),
    "cli:audit.prune": _SECURITY,
    "cli:backup": _GIVEN_OUT,
    "cli:backup.prune": _SOFTWARE,
    "cli:compact": None,
    "cli:compact.preview": None,
    "cli:damage.clear": _SOFTWARE,
    "cli:damage.list": None,
    "cli:datastores.create": _SOFTWARE,
    "cli:datastores.delete": _SOFTWARE,
    "cli:datastores.list": None,
    "cli:export": _GIVEN_OUT,
    "cli:export.deidentified": _GIVEN_OUT,
    "cli:frame": _READ,
    "cli:hold.add": _SOFTWARE,
    "cli:hold.list": None,
    "cli:hold.release": _SOFTWARE,
    "cli:import": _TAKEN_IN,
    "cli:jobs.cancel": None,
    "cli:jobs.prune": None,
    "cli:jobs.resume": None,
    "cli:keys.create": _KEYS,
    "cli:keys.delete": _KEYS,
    "cli:keys.disable": _KEYS,
    "cli:keys.grant": _ROLES,
    "cli:keys.list": None,
    "cli:keys.revoke": _ROLES,
    "cli:keys.token": _LOGIN,
    "cli:ohif": _SOFTWARE,
    "cli:peers.add": _NETWORK,
    "cli:peers.list": None,
    "cli:peers.remove": _NETWORK,
    "cli:peers.show": None,
    "cli:query": _ASKED,
    "cli:received.forget": _DELETED,
    "cli:received.list": None,
    "cli:received.retry": None,
    "cli:received.save": _GIVEN_OUT,
    "cli:received.show": _READ,
    "cli:restore": _TAKEN_IN,
    "cli:retention.clear": _SOFTWARE,
    "cli:retention.set": _SOFTWARE,
    "cli:retention.show": None,
    "cli:search": _ASKED,
    "cli:send": _SENT,
    "cli:show": _READ,
    "cli:sessions.end": _LOGOUT,
    "cli:sessions.list": None,
    "cli:storage": None,
    "cli:users.disable": _KEYS,
    "cli:users.enable": _KEYS,
    "cli:users.grant": _ROLES,
    "cli:users.invite": _KEYS,
    "cli:users.list": None,
    "cli:users.password": _KEYS,
    "cli:users.revoke": _ROLES,
    "cli:verify": None,
}
"""By action; None: it shows nothing of a patient and changes nothing that guards one, and so no
message tells of it."""

_BEGINNINGS: Final = (("Retrieve", _SENT), ("Search", _ASKED))


def kind_of(action: str) -> Kind | None:
    """The message of an action. What is not in the table is told of rather than passed over."""
    if action in KINDS:
        return KINDS[action]
    for beginning, kind in _BEGINNINGS:
        if action.startswith(beginning):
            return kind
    return _RESTRICTED
