"""AWS IoT's errors, each text in one place.

The codes are shapes of botocore's service model, which also gives the HTTP status. Texts marked
"own wording" have no public source; the others are AWS's, seen in recorded answers.
"""

from __future__ import annotations

from moto.core.exceptions import JsonRESTError, ServiceException

from moto_jitp import settings
from moto_jitp.aws.iam_roles import SESSION_NAME
from moto_jitp.mqtt.topics import ReservedTopicError
from moto_jitp.templates import TemplateError


class IoTError(ServiceException):
    """An error of the service model, which moto's server and stubber turn into the HTTP answer.

    Args:
        code: the error code.
        message: the error text.
        advice: one plain sentence on what to change, for a step of a run that fails with it.
        bare: AWS's part of the text, if the rest is ours.

    Attributes:
        bare_message: AWS's part of the text; all of it if no part is known to be AWS's.
    """

    def __init__(
        self, code: str, message: str, advice: str | None = None, *, bare: str | None = None
    ) -> None:
        super().__init__(code, message)
        self.advice = advice
        self.bare_message = message if bare is None else bare

    def answer(self) -> IoTError:
        """Return the error for a caller, as the setting ``bare_texts`` requires."""
        self.message = text_for_caller(str(self.message), self.bare_message)
        return self


def text_for_caller(message: str, bare: str) -> str:
    """Return the text for a caller or a device, as the setting ``bare_texts`` requires.

    Args:
        message: the whole text.
        bare: AWS's part of it.
    """
    return bare if settings.current().bare_texts else message


def code_and_message(error: Exception) -> tuple[str, str]:
    """Return the AWS error code and the text of an error, ours or one of moto's own.

    Raises:
        TypeError: it is not an AWS error.
    """
    if isinstance(error, ServiceException):
        return error.code, str(error.message)
    if isinstance(error, JsonRESTError):
        return error.error_type, str(error.message)
    raise TypeError(f"not an AWS error: {error!r}")


def bare_text(error: Exception) -> str:
    """Return AWS's part of the text of an error, ours or one of moto's own."""
    return error.bare_message if isinstance(error, IoTError) else code_and_message(error)[1]


def error_with_status(code: str, message: str, status: int) -> JsonRESTError:
    """Return an error of a data plane with a status that moto cannot derive from its code."""
    error = JsonRESTError(code, message)
    error.code = status
    return error


AwsError = (ServiceException, JsonRESTError)


class InvalidRequest(IoTError):
    def __init__(self, message: str, advice: str | None = None, *, bare: str | None = None) -> None:
        super().__init__("InvalidRequestException", message, advice, bare=bare)


class ResourceNotFound(IoTError):
    def __init__(self, message: str) -> None:
        super().__init__("ResourceNotFoundException", message)


class ResourceAlreadyExists(IoTError):
    """Also carries the model's ``resourceId`` and ``resourceArn``."""

    def __init__(
        self, message: str, resource_id: str, resource_arn: str, *, bare: str | None = None
    ) -> None:
        super().__init__("ResourceAlreadyExistsException", message, bare=bare)
        self.resourceId = resource_id
        self.resourceArn = resource_arn


class VersionConflict(IoTError):
    """The ``expectedVersion`` is not the resource's version."""

    def __init__(self, kind: str, name: str, version: int, expected: int) -> None:
        bare = f"The version for {kind} {name} does not match the expected version."
        super().__init__(
            "VersionConflictException",
            f"{bare} It is {version}, and {expected} was expected.",
            bare=bare,
        )


class CertificateState(IoTError):
    def __init__(self, message: str) -> None:
        super().__init__("CertificateStateException", message)


class CertificateValidation(IoTError):
    def __init__(self, message: str, *, bare: str | None = None) -> None:
        super().__init__("CertificateValidationException", message, bare=bare)


class CertificateConflict(IoTError):
    def __init__(self, message: str) -> None:
        super().__init__("CertificateConflictException", message)


class RegistrationCodeValidation(IoTError):
    """A verification certificate whose CN is not the registration code; AWS's text says less."""

    def __init__(self, found_code: str | None, expected_code: str | None) -> None:
        wrong = "It has no CN" if found_code is None else f"Its CN is {found_code!r}"
        needed = (
            "there is no registration code in this account and Region: GetRegistrationCode creates "
            "one."
            if expected_code is None
            else f"the registration code of this account and Region is {expected_code!r}."
        )
        bare = "Registration code provided in the CN field of verification certificate is invalid."
        super().__init__(
            "RegistrationCodeValidationException", f"{bare} {wrong}, and {needed}", bare=bare
        )


class NotConfigured(IoTError):
    def __init__(self, message: str) -> None:
        super().__init__("NotConfiguredException", message)


class LimitExceeded(IoTError):
    def __init__(self, message: str, advice: str | None = None) -> None:
        super().__init__("LimitExceededException", message, advice)


class TransferConflict(IoTError):
    def __init__(self, message: str) -> None:
        super().__init__("TransferConflictException", message)


class TransferAlreadyCompleted(IoTError):
    def __init__(self, certificate_id: str) -> None:
        super().__init__(
            "TransferAlreadyCompletedException",
            f"The transfer of the certificate {certificate_id} has already been completed.",
        )


class InvalidQuery(IoTError):
    def __init__(self, message: str) -> None:
        super().__init__("InvalidQueryException", message)


class VersionsLimitExceeded(IoTError):
    def __init__(self, template_name: str) -> None:
        super().__init__(
            "VersionsLimitExceededException",
            f"Can't create a template version for the template {template_name}, the maximum number "
            "of template versions has been reached",
        )


class MalformedPolicy(IoTError):
    def __init__(self, message: str, *, bare: str | None = None) -> None:
        super().__init__("MalformedPolicyException", message, bare=bare)


class ResourceRegistrationFailure(IoTError):
    def __init__(self, message: str, *, bare: str | None = None) -> None:
        super().__init__("ResourceRegistrationFailureException", message, bare=bare)


UNKNOWN_REGION = (
    "{!r} is not a Region where AWS IoT is available. Check the client's region_name; with the "
    "environment variable MOTO_ALLOW_NONEXISTENT_REGION moto accepts any name."
)

# The texts below are used by several rules, or are easier to compare side by side.

SNI_ONLY_WITH_VERIFICATION = (
    "Cannot provide verification certificate for registering CA Certificates in SNI_ONLY mode"
)
DEFAULT_WITHOUT_VERIFICATION = (
    "Need to provide verification certificate for registering CA Certificates in DEFAULT mode"
)
BAD_VERIFICATION_CERTIFICATE = "Contents of the Verification Certificate are not correct"
ISSUER_DIFFERS = (
    "The issuer of the certificate did not match the subject of the provided CA certificate."
)
SIGNATURE_DIFFERS = (
    "The signature of the certificate failed verification against the provided CA certificate."
)
WEAK_DIGEST = "It uses {}, which is refused; sign the certificate with SHA-256, SHA-384 or SHA-512."
NO_CA_CERTIFICATE = "No CA certificate exists for the given certificate"
CA_NOT_ACTIVE = "The CA certificate is not active"
RESERVED_TOPIC = "Topic can't start with $"
ALREADY_REGISTERED = "The certificate is already provisioned or registered"


def invalid_template(mistake: TemplateError) -> InvalidRequest:
    """The error for a wrong template, or a wrong value for it, at a CA or in RegisterThing."""
    opening = "Invalid registration template. "
    return InvalidRequest(opening + mistake.message, bare=opening + mistake.reason)


def not_published(error: ValueError) -> InvalidRequest:
    """The error for a message that :func:`~moto_jitp.mqtt.topics.check_publish` refuses."""
    if isinstance(error, ReservedTopicError):
        return InvalidRequest(f"{RESERVED_TOPIC}. {error}", bare=RESERVED_TOPIC)
    return InvalidRequest(str(error))


class NotAdmitted(IoTError):
    """An error that prevents a call altogether; ``advice`` says what to change."""

    advice: str

    def __init__(self, code: str, message: str, advice: str, *, bare: str | None = None) -> None:
        super().__init__(code, message, advice, bare=bare)


class FaultOnDemand(NotAdmitted):
    """A failure that a test requested."""

    def __init__(self, operation: str, code: str, message: str) -> None:
        super().__init__(code, message, f"The test requested this failure of {operation}.")


class Throttled(NotAdmitted):
    """Too many calls of an operation within a second."""

    def __init__(self, operation: str, quota: float) -> None:
        calls = "1 call" if quota == 1 else f"{quota:g} calls"
        super().__init__(
            "ThrottlingException",
            "Rate exceeded",
            f"{operation} is limited to {calls} per second: slow down and try again with a growing "
            "pause, or raise the quota in the configuration (jitp.throttling).",
        )


class RoleNotAssumable(NotAdmitted):
    """AWS IoT cannot assume the provisioning role."""

    def __init__(self, role_arn: str, reason: str) -> None:
        bare = (
            f"AWS IoT (iot.amazonaws.com) is unable to assume role (sts:AssumeRole) on "
            f"resource: {role_arn}.  If the role was just created or updated, please try again in "
            "a few seconds."
        )
        super().__init__(
            "InvalidRequestException",
            f"{bare} The role cannot be assumed: {reason}",
            f"Fix the provisioning role {role_arn}: {reason}",
            bare=bare,
        )


def session_arn(role_arn: str) -> str:
    """Return the ARN under which AWS IoT acts in a provisioning role.

    An assumed role's ARN has the role's name, but not its path.
    """
    account = role_arn.partition(":role/")[0].replace(":iam::", ":sts::")
    return f"{account}:assumed-role/{role_arn.rpartition('/')[2]}/{SESSION_NAME}"


class AccessDenied(NotAdmitted):
    """The provisioning role may not make a call of the run; :mod:`role_refusals` says why."""

    def __init__(
        self, role_arn: str, action: str, resource_arn: str, because: str, advice: str
    ) -> None:
        super().__init__(
            "AccessDeniedException",
            f"User: {session_arn(role_arn)} is not authorized to perform: iot:{action} on "
            f"resource: {resource_arn} {because}",
            advice,
        )


class PackageValidation(IoTError):
    """The error of operations on software packages where others have InvalidRequest."""

    def __init__(self, message: str) -> None:
        super().__init__("ValidationException", message)


class PackageConflict(IoTError):
    """Also carries the model's ``resourceId``."""

    def __init__(self, message: str, resource_id: str) -> None:
        super().__init__("ConflictException", message)
        self.resourceId = resource_id


class PackageQuotaExceeded(IoTError):
    def __init__(self, message: str) -> None:
        super().__init__("ServiceQuotaExceededException", message)
