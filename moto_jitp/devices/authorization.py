"""May a connected device do that? IoT policies of its certificate and its thing's groups.

Checked only with ``enforce_policies``, except for clients of provisioning claims, which may only
use the topics of their template.
https://docs.aws.amazon.com/iot/latest/developerguide/iot-policy-actions.html
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import NamedTuple

from moto.iot.models import FakeCertificate, FakePolicy

from moto_jitp import settings
from moto_jitp.iot.models import JitpIoTBackend
from moto_jitp.iot.permissions.authorization_contexts import certificate_context, thing_context
from moto_jitp.iot.permissions.policies import evaluate_policies, has_conditions, problem_with
from moto_jitp.iot.provisioning.fleet.provisioning_claims import ClaimCertificate
from moto_jitp.mqtt.reason_codes import ReasonCode
from moto_jitp.mqtt.transport import Transport
from moto_jitp.policies import (
    AuthorizationContext,
    Decision,
    Request,
    client_arn,
    topic_arn,
    topic_filter_arn,
)

from . import refusal_texts as texts
from .verdict import Verdict

_MOST_REMEMBERED = 1000


class NotAuthorized(PermissionError):  # noqa: N818 - what MQTT 5 calls it
    """No policy allows what a connected device tries to do, or one denies it.

    The text names the denying statement, or says what the allowing ones lack.

    Attributes:
        action: such as ``iot:Publish``.
        resource: the ARN of the client, topic or topic filter.
        decision: the evaluation, with the statements that decided; ``None`` if a server decided,
            under TEST_SERVER_MODE.
        reason_code: the code of an MQTT 5 PUBACK or SUBACK: 0x87, Not authorized.

    Examples:
        >>> with mock_jitp(config={"jitp": {"enforce_policies": True}}):
        ...     connect_device(bulb).publish("sensors/1", b"21")
        Traceback (most recent call last):
        ...
        moto_jitp.NotAuthorized: ...
    """

    __module__ = "moto_jitp"  # where users find it

    reason_code = int(ReasonCode.NOT_AUTHORIZED)

    def __init__(
        self, message: str, action: str, resource: str, decision: Decision | None = None
    ) -> None:
        super().__init__(message)
        self.action = action
        self.resource = resource
        self.decision = decision

    @classmethod
    def of(cls, outcome: Outcome) -> NotAuthorized:
        """Return the error for an outcome that does not allow the action."""
        decision = outcome.decision
        message = " ".join((decision.reason, *outcome.notes))
        return cls(message, outcome.action, outcome.resource, decision)

    def __reduce__(self) -> tuple[type[NotAuthorized], tuple[object, ...]]:
        return type(self), (str(self), self.action, self.resource, self.decision)


class Outcome(NamedTuple):
    """A decision, with what a person needs in order to understand it.

    Attributes:
        action: the action in question.
        resource: its ARN.
        decision: the evaluation.
        notes: sentences on what the evaluation considered, and what it left out and why.
        policies: the policies that were in effect.
    """

    action: str
    resource: str
    decision: Decision
    notes: tuple[str, ...]
    policies: Sequence[FakePolicy]


class Principal(NamedTuple):
    """Who performs an action.

    Attributes:
        certificate: the registered certificate of the connection.
        client_id: the MQTT client ID; ``None`` for a request over HTTPS, which has none.
        server_name: the server name (SNI) that the device asked for.
        transport: what carries its connection.
    """

    certificate: FakeCertificate
    client_id: str | None
    server_name: str | None
    transport: Transport


def judge_connect(backend: JitpIoTBackend, principal: Principal) -> Verdict:
    """Decide on a CONNECT with an acceptable certificate: it needs ``iot:Connect``."""
    assert principal.client_id is not None
    resource = client_arn(
        backend.partition, backend.region_name, backend.account_id, principal.client_id
    )
    attributes = principal.transport.connect_attributes
    outcome = decide(backend, principal, "iot:Connect", resource, connect_attributes=attributes)
    will = principal.transport.will
    if outcome.decision.allowed and will is not None:
        # A client with a will must be allowed to publish it when it connects.
        resource = topic_arn(backend.partition, backend.region_name, backend.account_id, will.topic)
        outcome = decide(backend, principal, "iot:Publish", resource)
        if outcome.decision.allowed and will.retain:
            outcome = decide(backend, principal, "iot:RetainPublish", resource)
    if outcome.decision.allowed:
        return texts.ACCEPTED
    return texts.not_authorized(
        principal.certificate.arn, outcome.action, resource, outcome.decision, outcome.notes
    )


def require(backend: JitpIoTBackend, principal: Principal, action: str, name: str) -> None:
    """Make sure that a connected device may do something, if policies are enforced.

    Args:
        backend: the account and Region.
        principal: the device.
        action: such as ``iot:Publish``.
        name: the topic, or the topic filter for ``iot:Subscribe``.

    Raises:
        NotAuthorized: the policies do not allow it.
    """
    if _policies_count(principal):
        _decide_in_force(backend, principal, action, name)


def _policies_count(principal: Principal) -> bool:
    """Whether policies are enforced; those of a provisioning claim always are."""
    enforced = settings.current().enforce_policies
    return enforced or isinstance(principal.certificate, ClaimCertificate)


def _decide_in_force(
    backend: JitpIoTBackend, principal: Principal, action: str, name: str
) -> Sequence[FakePolicy]:
    """Return the policies that allow something.

    Raises:
        NotAuthorized: they do not.
    """
    make_arn = topic_filter_arn if action == "iot:Subscribe" else topic_arn
    resource = make_arn(backend.partition, backend.region_name, backend.account_id, name)
    outcome = decide(backend, principal, action, resource)
    if not outcome.decision.allowed:
        raise NotAuthorized.of(outcome)
    return outcome.policies


class Permissions:
    """What the policies allow one connected device to do.

    A device repeats its actions: what was allowed once is not evaluated again until something
    changes that the policies, or variables in them, depend on. Changes to other devices do not
    count, or each device would be evaluated again whenever one of a fleet connects.

    Args:
        backend: the account and Region.
        principal: the device.
    """

    __slots__ = ("_allowed", "_backend", "_inputs", "_principal")

    def __init__(self, backend: JitpIoTBackend, principal: Principal) -> None:
        self._backend = backend
        self._principal = principal
        self._inputs: tuple[object, ...] = ()
        self._allowed: dict[tuple[str, str], Sequence[tuple[FakePolicy, object]]] = {}

    def require(self, action: str, name: str) -> None:
        """Make sure that the device may do something; see :func:`require`."""
        if not _policies_count(self._principal):
            return
        # The remembered inputs must date from the moment of the decision, and be compared at one
        # moment.
        with self._backend.lock:
            inputs = self._inputs_now()
            if inputs == self._inputs:
                remembered = self._allowed.get((action, name))
                if remembered is not None and _are_as_they_were(remembered):
                    return
            policies = _decide_in_force(self._backend, self._principal, action, name)
            documents = [(policy, policy.document) for policy in policies]
            if any(has_conditions(policy) for policy in policies):
                return  # the decision may depend on the time
        if inputs != self._inputs or len(self._allowed) >= _MOST_REMEMBERED:
            self._allowed, self._inputs = {}, inputs
        self._allowed[action, name] = documents

    def _inputs_now(self) -> tuple[object, ...]:
        """A value that changes with the device's policies, its thing or its thing's groups."""
        backend = self._backend
        registry = backend.registry
        certificate_arn = self._principal.certificate.arn
        exclusive = backend.principals.exclusive_thing_of(certificate_arn)
        thing_arn = registry.arn(f"thing/{exclusive or self._principal.client_id}")
        return (
            exclusive,
            registry.principal_things.last_change_of(certificate_arn),
            registry.things.last_change_of(thing_arn),
            backend.iot_policies.last_changes_in_effect(certificate_arn, thing_arn),
        )


def _are_as_they_were(policies: Sequence[tuple[FakePolicy, object]]) -> bool:
    """Whether the default versions are the same; they change without a change to any table."""
    return all(policy.document is document for policy, document in policies)


def decide(
    backend: JitpIoTBackend,
    principal: Principal,
    action: str,
    resource: str,
    *,
    connect_attributes: Sequence[str] | None = None,
) -> Outcome:
    """Evaluate every policy in effect for a connection.

    Args:
        backend: the account and Region.
        principal: the device.
        action: such as ``iot:Publish``.
        resource: its ARN.
        connect_attributes: which of ``PersistentConnect`` and ``LastWill`` a CONNECT uses.
    """
    # Things, groups and policies must be those of one moment.
    with backend.lock:
        certificate_arn = principal.certificate.arn
        context = AuthorizationContext(
            client_id=principal.client_id,
            thing=thing_context(backend.principals, certificate_arn, principal.client_id),
            certificate=certificate_context(principal.certificate),
            source_ip=principal.transport.address,
            domain_name=principal.server_name,
            connect_attributes=connect_attributes,
            current_time=datetime.now(timezone.utc),
        )
        if isinstance(principal.certificate, ClaimCertificate):
            policies = [principal.certificate.policy]
        else:
            policies = backend.iot_policies.policies_of_connection(certificate_arn, context)
        decision = evaluate_policies(policies, Request(action, resource, context))
        notes = () if decision.allowed else _notes(backend, certificate_arn, context, policies)
    return Outcome(action, resource, decision, notes, policies)


def _notes(
    backend: JitpIoTBackend,
    certificate_arn: str,
    context: AuthorizationContext,
    policies: Sequence[FakePolicy],
) -> tuple[str, ...]:
    notes = []
    if policies:
        notes.append(f"Policies looked at: {', '.join(policy.name for policy in policies)}.")
    for policy in policies:
        problem = problem_with(policy)
        if problem is not None:
            notes.append(f"{policy.name} cannot be read and so allows nothing ({problem})")
    looked_at = {policy.name for policy in policies}
    connected = context.connected_thing
    for thing_name in backend.list_principal_things(certificate_arn):
        if connected is not None and connected.name == thing_name:
            continue
        by_group = backend.iot_policies.policies_in_effect("", [thing_name])
        names = [policy.name for policy in by_group if policy.name not in looked_at]
        if names:
            notes.append(
                f"{', '.join(names)} of the thing groups of {thing_name!r} were not applied: the "
                f"client ID is {context.client_id!r}, and a group's policies apply only if the "
                "client ID is the thing's name."
            )
    return tuple(notes)
