"""What is logged, and how: one rule of what may be told, and the fields that each line carries.

It stands at the floor of the house, beside settings, because whoever logs is bound by the rule: a
worker process as well as a door. It knows nothing but `errors`.
"""

from iryo.logs.context import bind, bound, fields, note, unbind
from iryo.logs.lines import Form, current, set_up
from iryo.logs.rule import describe, places

__all__ = [
    "Form",
    "bind",
    "bound",
    "current",
    "describe",
    "fields",
    "note",
    "places",
    "set_up",
    "unbind",
]
