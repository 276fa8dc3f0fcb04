"""The names of moto's that this project stands on, and whether the installed moto has them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

KNOWN_TO_WORK = "5.2.0 to 5.2.5"

#: Every name of moto's that this project replaces, extends, calls or reads in process.
HOOKED_NAMES: Mapping[str, tuple[str, ...]] = {
    "moto": ("mock_aws", "settings"),
    "moto.backend_index": ("backend_url_patterns",),
    "moto.iot.exceptions": (
        "CertificateStateException",
        "DeleteConflictException",
        "ResourceNotFoundException",
        "ThingStillAttached",
    ),
    "moto.iot.models": (
        "FakeBillingGroup",
        "FakeCaCertificate",
        "FakeCertificate.compute_cert_id",
        "FakeCertificate.to_description_dict",
        "FakeCertificate.to_dict",
        "FakeDomainConfiguration",
        "FakeEndpoint",
        "FakeJob",
        "FakePolicy",
        "FakePolicyVersion",
        "FakeThing",
        "FakeThingGroup",
        "FakeThingType",
        "IoTBackend.__init__",
        "IoTBackend._find_ca_certificate",
        "IoTBackend._get_principal",
        "IoTBackend._validation_delete",
        "IoTBackend.add_thing_to_billing_group",
        "IoTBackend.add_thing_to_thing_group",
        "IoTBackend.attach_policy",
        "IoTBackend.attach_principal_policy",
        "IoTBackend.attach_thing_principal",
        "IoTBackend.cancel_job",
        "IoTBackend.cancel_job_execution",
        "IoTBackend.create_policy",
        "IoTBackend.create_thing",
        "IoTBackend.create_thing_group",
        "IoTBackend.delete_job",
        "IoTBackend.delete_job_execution",
        "IoTBackend.describe_endpoint",
        "IoTBackend.get_job_document",
        "IoTBackend.remove_thing_from_thing_group",
        "IoTBackend.reset",
        "IoTBackend.set_default_policy_version",
        "IoTBackend.update_thing",
        "iot_backends.backend",
        "iot_backends.values",
    ),
    "moto.iot.responses": (
        "IoTResponse._get_action",
        "IoTResponse._get_param",
        "IoTResponse.call_action",
        "IoTResponse.dispatch",
        "IoTResponse.iot_backend",
        "IoTResponse.serialized",
    ),
    "moto.iot.urls": ("url_bases", "url_paths"),
    "moto.iotdata.models": (
        "FakeShadow.parse_payload",
        "FakeShadow.to_dict",
        "FakeShadow.to_response_dict",
        "IoTDataPlaneBackend.delete_thing_shadow",
        "IoTDataPlaneBackend.get_thing_shadow",
        "IoTDataPlaneBackend.publish",
        "IoTDataPlaneBackend.update_thing_shadow",
        "iotdata_backends.backend",
        "iotdata_backends.values",
    ),
    "moto.iotdata.exceptions": ("InvalidRequestException", "ResourceNotFoundException"),
    "moto.iotdata.responses": (
        "IoTDataPlaneResponse.delete_thing_shadow",
        "IoTDataPlaneResponse.dispatch",
        "IoTDataPlaneResponse.get_thing_shadow",
        "IoTDataPlaneResponse.iotdata_backend",
        "IoTDataPlaneResponse.update_thing_shadow",
    ),
    "moto.iotdata.urls": ("url_bases", "url_paths"),
    "moto.core.base_backend": (
        "BaseBackend",
        "AccountSpecificBackend.values",
        "BackendDict.reset",
        "backend_lock",
    ),
    "moto.cloudtrail.responses": ("CloudTrailResponse.cloudtrail_backend",),
    "moto.cloudwatch.models": (
        "CloudWatchBackend.aws_metric_data",
        "CloudWatchBackend.get_metric_data",
        "CloudWatchBackend.get_metric_statistics",
        "MetricAggregatedDatum.filter",
        "are_dimensions_same",
    ),
    "moto.core.common_models": (
        "BaseModel",
        "CloudWatchMetricProvider.get_cloudwatch_metrics",
    ),
    "moto.core.config": ("default_user_config",),
    "moto.core.exceptions": ("JsonRESTError", "ServiceException"),
    "moto.core.models": (
        "DEFAULT_ACCOUNT_ID",
        "MockAWS",
        "MockAWS.start",
        "MockAWS.stop",
        "MockAWS._nested_count",
        "MockAWS._mock_init_lock",
        "ProxyModeMockAWS",
        "ServerModeMockAWS",
        "botocore_stubber",
    ),
    "moto.core.responses": ("ActionResult", "BaseResponse._dispatch", "EmptyResult"),
    "moto.core.utils": ("camelcase_to_underscores", "get_service_model", "utcnow"),
    "moto.core.decorator": ("mock_aws",),
    "moto.logs.models": (
        "LogGroup.put_log_events",
        "LogsBackend.ensure_log_group",
        "LogsBackend.ensure_log_stream",
        "LogsBackend.put_retention_policy",
        "logs_backends",
    ),
    "moto.iam.access_control": (
        "IAMPolicyStatement.is_action_permitted",
        "PermissionResult.NEUTRAL",
    ),
    "moto.iam.models": ("Policy", "iam_backends"),
    "moto.sts.models": (
        "AssumedRole.arn",
        "AssumedRole.user_id",
        "STSBackend.get_assumed_role_from_access_key",
        "STSBackend.get_caller_identity",
        "sts_backends",
    ),
    "moto.moto_api": (
        "state_manager.get_transition",
        "state_manager.register_default_transition",
        "state_manager.set_transition",
        "state_manager.unset_transition",
    ),
    "moto.moto_api._internal": ("mock_random",),
    "moto.utilities.tagging_service": ("TaggingService",),
    "moto.utilities.utils": ("get_partition",),
}

#: Names that few uses need, in modules that take long to import: looked for when they are used.
NAMES_FOR_HOOKS: Mapping[str, tuple[str, ...]] = {"moto.awslambda.utils": ("get_backend",)}

#: Attributes that exist on instances only, by the class that sets them.
HOOKED_ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "moto.core.models.MockAWS": (
        "_default_session_mock",
        "_fake_creds",
        "_orig_creds",
        "_user_config_mock.values",
    ),
    "moto.core.base_backend.AccountSpecificBackend": ("backend",),
}


class UnsupportedMotoError(RuntimeError):
    """The installed moto lacks a name that moto_jitp hooks, so nothing has been changed.

    Attributes:
        missing: the dotted names that were not found.
        moto_version: the version of the installed moto.
    """

    def __init__(self, missing: tuple[str, ...], moto_version: str) -> None:
        super().__init__(
            f"moto {moto_version} has no {', '.join(missing)}, which moto_jitp hooks. "
            f"It is known to work with moto {KNOWN_TO_WORK}: install one of these versions, or a "
            "moto_jitp that supports yours. Nothing was changed."
        )
        self.missing = missing
        self.moto_version = moto_version


def check_moto() -> None:
    """Make sure that every name of moto's that we hook exists.

    Raises:
        UnsupportedMotoError: it names what is missing, the moto found and the versions that work.
    """
    _refuse(tuple(_missing_names(HOOKED_NAMES)) or tuple(_missing_attributes()))


def check_names_for_hooks() -> None:
    """Make sure that the names of moto's that a pre-provisioning hook needs exist.

    Raises:
        UnsupportedMotoError: as for :func:`check_moto`.
    """
    _refuse(tuple(_missing_names(NAMES_FOR_HOOKS)))


def _refuse(missing: tuple[str, ...]) -> None:
    if missing:
        import moto

        raise UnsupportedMotoError(missing, getattr(moto, "__version__", "(version unknown)"))


_ABSENT = object()


def _missing_names(names: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for module_name, paths in names.items():
        try:
            module = importlib.import_module(module_name)
        except ImportError:
            yield module_name
            continue
        for path in paths:
            if _resolve(module, path) is _ABSENT:
                yield f"{module_name}.{path}"


def _missing_attributes() -> Iterator[str]:
    for class_name, paths in HOOKED_ATTRIBUTES.items():
        sample = _sample(class_name)
        for path in paths:
            # No account may be alive yet.
            if sample is not None and _resolve(sample, path) is _ABSENT:
                yield f"{class_name}().{path}"


def _sample(class_name: str) -> Any:
    if class_name.endswith("AccountSpecificBackend"):
        from moto.iot.models import iot_backends

        return next(iter(iot_backends.values()), None)
    module_name, _, name = class_name.rpartition(".")
    found = getattr(importlib.import_module(module_name), name, None)
    return None if found is None else found()


def _resolve(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = getattr(value, name, _ABSENT)
        if value is _ABSENT:
            break
    return value
