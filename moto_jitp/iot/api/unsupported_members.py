"""Members of inputs that nobody carries out; dropping them would pretend that it was done.

A member that is carried out is taken from this list by whoever writes the code for it.
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
"""By operation of ``iot``: what is refused with ``strict`` on, where an input has it."""
