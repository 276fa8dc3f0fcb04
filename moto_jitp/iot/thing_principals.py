"""Things and their certificates: attachments, and those that are exclusive.

https://docs.aws.amazon.com/iot/latest/developerguide/exclusive-thing.html
"""

from __future__ import annotations

from .certificates import Certificates
from .exceptions import InvalidRequest


class ThingPrincipals(Certificates):
    """The part of the backend that attaches certificates to things."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        # Certificate ARN to the one thing that it may be attached to (EXCLUSIVE_THING).
        self.exclusive_things: dict[str, str] = {}

    def attach_thing_principal(self, thing_name: str, principal_arn: str) -> None:
        only = self.exclusive_things.get(principal_arn)
        if only not in (None, thing_name) and (principal_arn, only) in self.principal_things:
            raise InvalidRequest(
                f"The principal {principal_arn} is attached to the thing {only} exclusively; "
                f"detach it there before it is attached to {thing_name}."
            )
        super().attach_thing_principal(thing_name, principal_arn)
