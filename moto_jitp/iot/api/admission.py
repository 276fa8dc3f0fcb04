"""May a call happen at all? Failures on demand, quotas, the provisioning role's permissions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from moto_jitp import faults, settings
from moto_jitp.history.state import state_of
from moto_jitp.iot.exceptions import FailureOnDemand
from moto_jitp.iot.permissions.provisioning_role import require_assumable, require_permission
from moto_jitp.iot.registry.lookups import Lookups
from moto_jitp.iot.registry.tags import Tags

from .quotas import CallMeter


def admit(backend: Lookups, operation: str, *, over_mqtt: bool = False) -> None:
    """Let a call of an API operation happen, or not.

    Args:
        backend: the account and Region that it is made in.
        operation: its name, such as ``CreateThing``.
        over_mqtt: whether a device makes it, in the MQTT API of fleet provisioning.

    Raises:
        NotAdmitted: a test asked for a failure, or the operation's quota is used up.
    """
    fail_on_demand(operation)
    throttling = settings.current().throttling
    if throttling is not False:
        with backend.lock:
            meter = state_of(backend).part(CallMeter)
            meter.take(operation, throttling, over_mqtt=over_mqtt)


def fail_on_demand(operation: str) -> None:
    """Fail a call of an API operation if a test asked for it.

    Raises:
        FailureOnDemand: it did.
    """
    if faults.any_planned() and (fault := faults.take(operation)):
        raise FailureOnDemand(operation, fault.code, fault.message)


def permit_for_run(
    backend: Tags,
    role_arn: str | None,
    resources: Callable[[], Mapping[str, str]],
    admitted: Collection[str] = (),
) -> Callable[[str, str], None] | None:
    """Return what each step of a run must pass, or ``None`` where nothing could stop one.

    Args:
        backend: the account and Region of the run.
        role_arn: the provisioning role of a just-in-time run; ``None`` for RegisterThing, which
            runs with its caller's permissions.
        resources: returns the run's certificate and thing by kind, as far as they are known.
        admitted: operations that were let happen before the run began.

    Returns:
        A function of the API action's name and the resource, which raises ``NotAdmitted``.
    """
    current = settings.current()
    role = role_arn if current.enforce_role else None
    if role is None and current.throttling is False and not faults.any_planned():
        return None

    def permit(action: str, resource: str) -> None:
        if action not in admitted:
            admit(backend, action)
        if role is not None:
            require_permission(backend, role, action, resource, resources())

    return permit


def source_arn(backend: Tags, template_name: str | None, ca_id: str | None) -> str:
    """Return what AWS IoT says it acts for when it assumes a provisioning role.

    https://docs.aws.amazon.com/iot/latest/developerguide/cross-service-confused-deputy-prevention.html

    Args:
        backend: the account and Region.
        template_name: the stored template, if one is executed.
        ca_id: the CA certificate that has the template's body, otherwise.
    """
    if template_name is not None:
        return backend.arn(f"provisioningtemplate/{template_name}")
    return backend.arn(f"cacert/{ca_id}")


def check_role(backend: Tags, role_arn: str | None, source: str) -> None:
    """With ``enforce_role``, refuse a role that AWS IoT cannot assume.

    Args:
        backend: the account and Region of what names the role.
        role_arn: the role, if one is named.
        source: the ARN that :func:`source_arn` returned.

    Raises:
        RoleNotAssumable: there is no such role, or it does not trust AWS IoT.
    """
    if settings.current().enforce_role and role_arn is not None:
        require_assumable(backend, role_arn, source)
