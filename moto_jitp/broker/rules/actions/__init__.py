"""The actions of topic rules, in :data:`KINDS`; a module for each purpose.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-rule-actions.html
"""

from . import invocations, messages, monitoring, republishing, storage
from .table import (
    KINDS,
    NOT_CARRIED_OUT,
    ActionCall,
    ActionFailed,
    ActionKind,
    CompiledAction,
    compile_action,
    describe_failure,
    require_role,
)

__all__ = [
    "KINDS",
    "NOT_CARRIED_OUT",
    "ActionCall",
    "ActionFailed",
    "ActionKind",
    "CompiledAction",
    "compile_action",
    "describe_failure",
    "invocations",
    "messages",
    "monitoring",
    "republishing",
    "require_role",
    "storage",
]
