"""The billing group of a thing, at most one.

https://docs.aws.amazon.com/iot/latest/developerguide/tagging-iot-billing-groups.html
"""

from __future__ import annotations

from moto.iot.models import FakeBillingGroup, FakeThing

from moto_jitp import settings
from moto_jitp.iot.exceptions import InvalidRequest


def join_billing_group(group: FakeBillingGroup, thing: FakeThing) -> None:
    """Put a thing into a billing group; do nothing if it is already in it.

    https://docs.aws.amazon.com/iot/latest/apireference/API_AddThingToBillingGroup.html

    Raises:
        InvalidRequest: it is in another one (AWS says that a thing belongs to exactly one, but not
            what happens otherwise; own wording).
    """
    if thing.arn in group.things:
        return
    current_group = thing.billing_group_name
    if settings.current().strict and current_group:
        raise InvalidRequest(
            f"Thing {thing.thing_name} is in the billing group {current_group}; it cannot be in "
            f"{group.billing_group_name} as well.",
            f"Take the thing {thing.thing_name} out of the billing group {current_group} first.",
        )
    group.things.append(thing.arn)
    thing.billing_group_name = group.billing_group_name


def leave_billing_group(group: FakeBillingGroup, thing: FakeThing) -> None:
    """Take a thing out of a billing group; do nothing if it is not in it."""
    if thing.arn in group.things:
        group.things.remove(thing.arn)
        thing.billing_group_name = None
