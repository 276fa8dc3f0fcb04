"""Members of inputs that are not emulated; ignoring them would pretend that they were.

Whoever implements a member removes it from this list.
"""

from __future__ import annotations

from collections.abc import Mapping

UNSUPPORTED_MEMBERS: Mapping[str, tuple[str, ...]] = {
    "AssociateTargetsWithJob": ("namespaceId",),
    "CreateJob": (
        "abortConfig",
        "destinationPackageVersions",
        "documentParameters",
        "jobExecutionsRetryConfig",
        "jobExecutionsRolloutConfig",
        "jobTemplateArn",
        "namespaceId",
        "presignedUrlConfig",
        "schedulingConfig",
    ),
    "CreateJobTemplate": ("destinationPackageVersions", "jobArn", "maintenanceWindows"),
    "DeleteJob": ("namespaceId",),
    "DeleteJobExecution": ("namespaceId",),
    "ListJobExecutionsForThing": ("namespaceId",),
    "ListJobs": ("namespaceId", "thingGroupId"),
    "UpdateJob": (
        "abortConfig",
        "jobExecutionsRetryConfig",
        "jobExecutionsRolloutConfig",
        "namespaceId",
        "presignedUrlConfig",
    ),
    "TestAuthorization": ("cognitoIdentityPoolId",),
}
"""By operation of ``iot``: the members of an input that are refused with ``strict`` on."""
