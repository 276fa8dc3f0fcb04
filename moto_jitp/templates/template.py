"""A parsed template: an immutable value that is resolved for each device."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .errors import NO_CERTIFICATE, TemplateError, UnresolvedReferenceError, missing_advice
from .expressions import Text
from .functions import Parameter
from .plan import ProvisioningPlan
from .policies import PolicyResource
from .resources import CertificateResource, ThingResource
from .rules import POLICIES_PER_CERTIFICATE


@dataclass(frozen=True, repr=False)
class Template:
    """A provisioning template with a valid structure; made by ``parse_template``.

    It has no state of a device and may be shared between threads.

    Attributes:
        body: the original text.
        parameters: the parameters declared in ``Parameters``, in the template's order.
        references: every name that a ``Ref`` or a variable of ``Fn::Sub`` uses.
        wanted: the names that the template requires from a device: the declared parameters, then
            the certificate parameters that are used without being declared.
    """

    body: str
    parameters: Mapping[str, Parameter] = field(compare=False)
    references: frozenset[str] = field(compare=False)
    wanted: tuple[str, ...] = field(compare=False)
    _thing: ThingResource | None = field(compare=False)
    _certificate: CertificateResource | None = field(compare=False)
    _policies: tuple[PolicyResource, ...] = field(compare=False)
    _configuration: tuple[tuple[str, Text], ...] = field(compare=False)

    def __repr__(self) -> str:
        return f"<Template wanting {', '.join(self.wanted) or 'nothing'}>"

    def check_for_jit(self) -> None:
        """Check the requirements for a template for connecting devices only.

        A body at a CA certificate or in CreateProvisioningTemplate must take the certificate by
        ``{"Ref": "AWS::IoT::Certificate::Id"}``; RegisterThing accepts every form.

        Raises:
            TemplateError: it does not.
        """
        self._require_certificate().refuse_unless_by_reference()

    def check_certificate_status(self) -> None:
        """Check that the certificate resource has a ``Status``, as CreateProvisioningTemplate does.

        Elsewhere a certificate without one becomes ACTIVE.

        Raises:
            TemplateError: it has none.
        """
        self._require_certificate().refuse_without_status()

    def _require_certificate(self) -> CertificateResource:
        if self._certificate is None:
            raise TemplateError(
                NO_CERTIFICATE,
                place="Resources",
                found="no resource of that type",
                expected="one resource of the type AWS::IoT::Certificate",
            )
        return self._certificate

    def missing(self, values: Mapping[str, str]) -> tuple[str, ...]:
        """The declared parameters that have neither a value nor a ``Default``.

        JITP fails for each of them, used or not (as the developer guide says); RegisterThing only
        for those that something refers to, which ``resolve`` finds by itself.
        """
        if self.parameters.keys() <= values.keys():
            return ()
        return tuple(
            name
            for name, parameter in self.parameters.items()
            if name not in values and parameter.default is None
        )

    def without_empty(self, values: Mapping[str, str]) -> Mapping[str, str]:
        """The values without the empty ones for which there is a ``Default``.

        AWS's own sample of bulk registration sends ``""`` to mean the ``Default``.
        """
        if all(values.values()):
            return values
        return {
            name: value
            for name, value in values.items()
            if value or name not in self.parameters or self.parameters[name].default is None
        }

    def resolve(
        self,
        values: Mapping[str, str],
        *,
        from_certificate: bool = False,
        any_number_of_policies: bool = False,
    ) -> ProvisioningPlan:
        """Return the template's plan for one device.

        Args:
            values: parameter name to value; names that the template does not use are ignored.
            from_certificate: whether they were read from the device's certificate, which decides
                the advice for a missing one.
            any_number_of_policies: whether to allow more than a certificate can have.

        Raises:
            UnresolvedReferenceError: something refers to a parameter without a value.
            TemplateError: a value is not a valid thing name, attribute, …, or a function fails.
        """
        try:
            return self._plan(values, any_number_of_policies)
        except UnresolvedReferenceError as error:
            error.advice = missing_advice(
                error.parameter, values, from_certificate=from_certificate
            )
            raise

    def _plan(self, values: Mapping[str, str], any_number_of_policies: bool) -> ProvisioningPlan:
        policies = self._policies
        if len(policies) > POLICIES_PER_CERTIFICATE and not any_number_of_policies:
            raise TemplateError(
                f"A certificate can have at most {POLICIES_PER_CERTIFICATE} policies.",
                place="Resources",
                found=f"{len(policies)} policy resources",
                expected=f"at most {POLICIES_PER_CERTIFICATE}",
            )
        thing = self._thing
        return ProvisioningPlan(
            thing.plan(values) if thing is not None else None,
            self._certificate.plan(values) if self._certificate is not None else None,
            tuple([policy.plan(values) for policy in policies]),
            {name: text.evaluate(values) for name, text in self._configuration},
        )
