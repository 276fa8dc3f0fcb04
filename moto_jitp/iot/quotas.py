"""Request quotas: how many calls per second AWS IoT takes of each operation.

https://docs.aws.amazon.com/general/latest/gr/iot-core.html
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from .exceptions import Throttled

# AWS's defaults, in calls per second and account and Region (those of the large Regions).
DEFAULT_QUOTAS: Mapping[str, float] = {
    "AddThingToBillingGroup": 60,
    "AddThingToThingGroup": 100,
    "AttachPolicy": 15,
    "AttachThingPrincipal": 100,
    "CreatePolicy": 10,
    "CreateProvisioningClaim": 10,
    "CreateProvisioningTemplate": 10,
    "CreateProvisioningTemplateVersion": 10,
    "CreateThing": 100,
    "DeleteCACertificate": 10,
    "DeleteThing": 100,
    "DescribeCACertificate": 10,
    "DescribeCertificate": 10,
    "ListCACertificates": 10,
    "RegisterCACertificate": 10,
    "RegisterCertificate": 10,
    "RegisterThing": 10,
    "StartThingRegistrationTask": 10,
    "UpdateCACertificate": 10,
    "UpdateCertificate": 10,
    "UpdateThing": 100,
    "UpdateThingGroupsForThing": 10,
}


class CallMeter:
    """Counts one account's and Region's calls, operation by operation, as a token bucket.

    A bucket holds as many calls as its quota allows in a second and fills up at that rate. The time
    is ``time.time()``, which freezegun holds.
    """

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, operation: str, throttling: bool | Mapping[str, float]) -> None:
        """Count a call.

        Args:
            operation: the API operation's name.
            throttling: the setting: AWS's quotas, the test's own, or none.

        Raises:
            Throttled: there have been too many within a second.
        """
        if throttling is False:
            return
        quotas = DEFAULT_QUOTAS if throttling is True else throttling
        quota = quotas.get(operation)
        if quota is None:
            return
        now, most = time.time(), max(float(quota), 1.0)
        left, since = self._buckets.get(operation, (most, now))
        left = min(most, left + max(0.0, now - since) * quota)
        if left < 1.0:
            self._buckets[operation] = (left, now)
            raise Throttled(operation, quota)
        self._buckets[operation] = (left - 1.0, now)
