"""Request quotas: how many calls of each operation AWS IoT accepts per second.

https://docs.aws.amazon.com/general/latest/gr/iot-core.html#throttling-limits
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from moto_jitp.history.acting_moment import acting_moment
from moto_jitp.iot.exceptions import Throttled
from moto_jitp.settings import ALL_OTHERS

# AWS's defaults, in calls per second and account and Region. In some smaller Regions AWS halves the
# quotas of 100; an operation in none of the rows has no published quota, and none here.
_BY_RATE: Mapping[int, str] = {
    1: """CreateCertificateProvider CreateDomainConfiguration DeleteCertificateProvider
        ListTopicRuleDestinations UpdateCertificateProvider UpdateEncryptionConfiguration""",
    2: """DeleteV2LoggingLevel GetLoggingOptions GetV2LoggingOptions ListTopicRules
        ListV2LoggingLevels SetLoggingOptions SetV2LoggingLevel SetV2LoggingOptions""",
    5: """CreateDynamicThingGroup CreateTopicRule CreateTopicRuleDestination
        DeleteDynamicThingGroup DeleteTopicRuleDestination DisableTopicRule EnableTopicRule
        GetEffectivePolicies ReplaceTopicRule UpdateDynamicThingGroup
        UpdateTopicRuleDestination""",
    10: """AcceptCertificateTransfer CancelCertificateTransfer ClearDefaultAuthorizer
        CreateAuthorizer CreateKeysAndCertificate CreatePolicy CreatePolicyVersion
        CreateProvisioningClaim CreateProvisioningTemplate CreateProvisioningTemplateVersion
        CreateRoleAlias DeleteAuthorizer DeleteCACertificate DeleteCertificate
        DeleteDomainConfiguration DeletePolicy DeletePolicyVersion DeleteProvisioningTemplate
        DeleteProvisioningTemplateVersion DeleteRegistrationCode DeleteRoleAlias
        DescribeAuthorizer DescribeCACertificate DescribeCertificate DescribeCertificateProvider
        DescribeDefaultAuthorizer DescribeDomainConfiguration DescribeEncryptionConfiguration
        DescribeEndpoint DescribeEventConfigurations DescribeProvisioningTemplate
        DescribeProvisioningTemplateVersion DescribeRoleAlias DescribeThingRegistrationTask
        GetPolicy GetRegistrationCode ListAuthorizers ListBillingGroups ListCACertificates
        ListCertificateProviders ListCertificates ListCertificatesByCA ListDomainConfigurations
        ListOutgoingCertificates ListPolicies ListPolicyPrincipals ListPolicyVersions
        ListPrincipalThings ListPrincipalThingsV2 ListProvisioningTemplateVersions
        ListProvisioningTemplates ListRoleAliases ListTagsForResource ListTargetsForPolicy
        ListThingGroups ListThingRegistrationTaskReports ListThingRegistrationTasks ListThingTypes
        ListThings RegisterCACertificate RegisterCertificate RegisterCertificateWithoutCA
        RegisterThing RejectCertificateTransfer SetDefaultAuthorizer SetDefaultPolicyVersion
        StartThingRegistrationTask StopThingRegistrationTask TagResource TestAuthorization
        TestInvokeAuthorizer TransferCertificate UntagResource UpdateAuthorizer
        UpdateCACertificate UpdateCertificate UpdateDomainConfiguration
        UpdateEventConfigurations UpdateProvisioningTemplate UpdateRoleAlias
        UpdateThingGroupsForThing""",
    15: """AttachPolicy AttachPrincipalPolicy CreateCertificateFromCsr CreateThingType
        DeleteBillingGroup DeleteThingGroup DeleteThingType DeprecateThingType DetachPolicy
        DetachPrincipalPolicy GetPolicyVersion ListAttachedPolicies ListPrincipalPolicies
        UpdateBillingGroup UpdateThingGroup UpdateThingType""",
    20: "DeleteTopicRule ListThingPrincipals ListThingPrincipalsV2",
    25: "CreateBillingGroup CreateThingGroup ListThingsInBillingGroup ListThingsInThingGroup",
    30: "RemoveThingFromBillingGroup",
    50: "GetTopicRuleDestination",
    60: "AddThingToBillingGroup",
    100: """AddThingToThingGroup AttachThingPrincipal CreateThing DeleteThing DescribeBillingGroup
        DescribeThingGroup DescribeThingType DetachThingPrincipal ListThingGroupsForThing
        RemoveThingFromThingGroup UpdateThing""",
    200: "GetTopicRule",
    350: "DescribeThing",
}

DEFAULT_QUOTAS: Mapping[str, float] = {
    operation: rate for rate, operations in _BY_RATE.items() for operation in operations.split()
}


MQTT_QUOTAS: Mapping[str, float] = {
    "CreateCertificateFromCsr": 20,
    "CreateKeysAndCertificate": 10,
    "RegisterThing": 10,
}
"""The quotas of the same operations in the MQTT API of fleet provisioning, which are counted
separately.

https://docs.aws.amazon.com/general/latest/gr/iot-core.html#fleet-provisioning-limits
"""


# With a quota of ten, one more call must be possible a tenth of a second later, whatever the
# clock's last digits.
_ROUNDING = 0.001


_MOST_BUCKETS = 1000


class TokenBuckets:
    """Counts what may happen so many times in a second, each kind of it in a token bucket.

    A bucket holds as many as its rate allows in a second, at least one, and fills up at that rate.
    The time is that at which AWS IoT acts, which freezegun can freeze.
    """

    def __init__(self) -> None:
        self._buckets: dict[Hashable, tuple[float, float]] = {}

    def take(self, kind: Hashable, rate: float) -> bool:
        """Count one more.

        Args:
            kind: of what.
            rate: how many are allowed in a second.

        Returns:
            Whether it is allowed; one that is not does not count.
        """
        now, most = acting_moment().timestamp(), max(float(rate), 1.0)
        left, since = self._buckets.pop(kind, (most, now))
        left = min(most, left + max(0.0, now - since) * rate)
        is_allowed = left >= 1.0 - _ROUNDING
        if len(self._buckets) >= _MOST_BUCKETS:
            # The one that was used longest ago is the one that is most likely full again.
            del self._buckets[next(iter(self._buckets))]
        self._buckets[kind] = (left - is_allowed, now)
        return is_allowed


class CallMeter:
    """Counts one account's and Region's calls, operation by operation."""

    def __init__(self) -> None:
        self._buckets = TokenBuckets()

    def take(
        self, operation: str, throttling: bool | Mapping[str, float], *, over_mqtt: bool = False
    ) -> None:
        """Count a call.

        Args:
            operation: the API operation's name.
            over_mqtt: whether a device makes it, in the MQTT API.
            throttling: the setting: ``True`` for AWS's quotas, the test's own (with AWS's for all
                other operations only if it says so), or ``False`` for none.

        Raises:
            Throttled: there have been too many within a second; this one does not count.
        """
        quota = _quota(operation, throttling, MQTT_QUOTAS if over_mqtt else DEFAULT_QUOTAS)
        if quota is None:
            return
        if not self._buckets.take((operation, over_mqtt), quota):
            raise Throttled(operation, quota)


def _quota(
    operation: str, throttling: bool | Mapping[str, float], defaults: Mapping[str, float]
) -> float | None:
    if throttling is False:
        return None
    if throttling is True:
        return defaults.get(operation)
    default_quotas = defaults if ALL_OTHERS in throttling else {}
    return throttling.get(operation, default_quotas.get(operation))
