"""The errors in a provisioning template, with all their texts.

AWS's own sentences are kept word for word, without the prefix that depends on the operation
("Invalid registration template. " at a CA certificate and RegisterThing, "The template body is
invalid: " at a provisioning template). Where no text of AWS is known, the sentences are ours.
"""

import json
from collections.abc import Iterable, Sequence

from moto_jitp.names import did_you_mean, nearest, question

CERTIFICATE_PREFIX = "AWS::IoT::Certificate::"
_NAMES_LISTED = 10

CERTIFICATE_PARAMETERS: tuple[str, ...] = tuple(
    CERTIFICATE_PREFIX + name
    for name in (
        "Country",
        "Organization",
        "OrganizationalUnit",
        "DistinguishedNameQualifier",
        "StateName",
        "CommonName",
        "SerialNumber",
        "Id",
    )
)
"""The names whose values AWS IoT reads from a device certificate; there are no others.

https://docs.aws.amazon.com/iot/latest/developerguide/jit-provisioning.html
"""

# Sentences of AWS, as users of the real service have seen them.
NO_CERTIFICATE = "Template must have certificate resource."
SEVERAL_CERTIFICATES = "Only one certificate resource can be defined"
PROPERTIES_NULL = "Properties of a resource cannot be null."
CERTIFICATE_ID_REFERENCE = "CertificateId must contain a reference to AWS::IoT::Certificate::Id"
STATUS_NOT_GIVEN = 'A certificate resource must specify a Status of either "Active" or "Inactive"'
POLICY_EMPTY = "Neither policyName nor policyDocument is present in the Template."
UNRESOLVED = "Cannot resolve reference value: {{Ref={name}}}"
NOT_WELL_FORMED = "Template format error: JSON not well-formed with location of {location}"

# Names from OpenSSL, X.509 tools and other clouds, to AWS's names.
_ALIASES = {
    "c": "Country",
    "countryname": "Country",
    "o": "Organization",
    "org": "Organization",
    "organizationname": "Organization",
    "organisation": "Organization",
    "organisationname": "Organization",
    "ou": "OrganizationalUnit",
    "orgunit": "OrganizationalUnit",
    "organizationunit": "OrganizationalUnit",
    "organizationunitname": "OrganizationalUnit",
    "organizationalunitname": "OrganizationalUnit",
    "dnq": "DistinguishedNameQualifier",
    "dnqualifier": "DistinguishedNameQualifier",
    "st": "StateName",
    "state": "StateName",
    "province": "StateName",
    "stateorprovince": "StateName",
    "stateorprovincename": "StateName",
    "cn": "CommonName",
    "serial": "SerialNumber",
    "certificateid": "Id",
    "certid": "Id",
}
_BY_LAST_WORD = {
    name.removeprefix(CERTIFICATE_PREFIX).lower(): name for name in CERTIFICATE_PARAMETERS
}


class TemplateError(ValueError):
    """A mistake in a provisioning template, or a value that the template does not accept.

    Attributes:
        reason: AWS's sentence without its prefix; our own if AWS's is not known.
        place: where it is, such as ``Resources.thing.Properties.ThingName``; empty for the body as
            a whole.
        found: what was found there.
        expected: what is allowed there.
        advice: what to change.
        opening: the beginning of the message, with a long reason shortened.

    Examples:
        >>> render('{"Resources": {}}', {})
        Traceback (most recent call last):
        ...
        moto_jitp.TemplateError: Template must have certificate resource. ...
    """

    __module__ = "moto_jitp"  # where users find it

    def __init__(
        self,
        reason: str,
        *,
        place: str = "",
        found: str = "",
        expected: str = "",
        advice: str = "",
        opening: str = "",
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.opening = opening or reason
        self.place = place
        self.found = found
        self.expected = expected
        self.advice = advice

    @property
    def message(self) -> str:
        """The reason at the start, a long one shortened, then place, found, allowed and advice."""
        details = "; ".join(
            f"{label}: {text}"
            for label, text in (
                ("at", self.place),
                ("found", self.found),
                ("allowed", self.expected),
            )
            if text
        )
        parts = [self.opening, f"({details})" if details else "", self.advice]
        return " ".join(part for part in parts if part)

    def __str__(self) -> str:
        return self.message


class TemplateSyntaxError(TemplateError):
    """The body is not a JSON object, or longer or deeper than a template can be."""

    __module__ = "moto_jitp.templates"  # where users find it


class UnresolvedReferenceError(TemplateError):
    """A ``Ref`` or a variable of ``Fn::Sub`` has no value.

    Raised by ``parse_template`` for a name that the template does not declare, and by
    ``Template.resolve`` for a declared one without a value and without a ``Default``.

    Attributes:
        parameter: the name.
    """

    __module__ = "moto_jitp.templates"  # where users find it

    def __init__(
        self, parameter: str, *, place: str = "", expected: str = "", advice: str = ""
    ) -> None:
        super().__init__(
            UNRESOLVED.format(name=parameter), place=place, expected=expected, advice=advice
        )
        self.parameter = parameter


def shown(value: object, limit: int = 80) -> str:
    """A value from a template for an error text: quoted, shortened and always encodable."""
    if isinstance(value, str):
        text = f'"{value if len(value) <= limit else value[: limit - 1] + "…"}"'
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif value is None:
        text = "null"
    elif isinstance(value, dict):
        text = json.dumps(value, ensure_ascii=False)
        if len(text) > limit:
            names = ", ".join(key[:40] for key in list(value)[:4])
            text = f"an object with {names}{', …' if len(value) > 4 else ''}"
    elif isinstance(value, list):
        text = f"a list of {len(value)}" if value else "[]"
    else:
        text = str(value)[:limit]
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def listed(names: Iterable[str]) -> str:
    """Names for an "allowed" text."""
    return ", ".join(names)


def certificate_parameter_like(name: str) -> str | None:
    """The certificate parameter meant by a name without a namespace or with a wrong one.

    ``CommonName`` and ``AWS::IoT::Certificate::OrganizationName`` have one, ``Color`` has none.
    """
    last = name.rpartition("::")[2].rpartition(".")[2].lower().replace("_", "").replace("-", "")
    alias = _ALIASES.get(last)
    return CERTIFICATE_PREFIX + alias if alias is not None else _BY_LAST_WORD.get(last)


def missing_advice(name: str, given_names: Iterable[str], *, from_certificate: bool) -> str:
    """What to do about a parameter that is referred to but has no value.

    Args:
        given_names: the names of the parameters that have one.
        from_certificate: whether the values were read from a device's certificate.
    """
    if from_certificate:
        if name in CERTIFICATE_PARAMETERS:
            field = name.removeprefix(CERTIFICATE_PREFIX)
            return f"The certificate gives no {field}: issue it with one, or give a Default."
        return f"A certificate gives only {listed(CERTIFICATE_PARAMETERS)}: give {name} a Default."
    names = list(given_names)
    given_text = f"Given: {listed(names[:_NAMES_LISTED]) or 'none'}{_more(names)}."
    short = [
        candidate
        for candidate in names
        if "::" not in candidate and certificate_parameter_like(candidate) == name
    ]
    if short:
        return f"{given_text} {short[0]} does not mean {name} here: use the full name."
    if name == CERTIFICATE_PREFIX + "Id":
        return (
            "A device that connects brings its certificate's id; where no device connects, as in "
            "RegisterThing, deliver it among the parameters."
        )
    # Without the namespace, which makes all certificate parameters alike.
    last_words = {
        candidate.rpartition("::")[2]: candidate
        for candidate in names
        if candidate not in CERTIFICATE_PARAMETERS
    }
    near = nearest(name.rpartition("::")[2], last_words)
    hint = f" {last_words[near]} is near it." if near is not None else ""
    return f"Pass the parameter, or give it a Default. {given_text}{hint}"


def _more(names: Sequence[str]) -> str:
    remainder = len(names) - _NAMES_LISTED
    return f" and {remainder} more" if remainder > 0 else ""


def reference_advice(name: str, declared: Iterable[str], resources: Iterable[str]) -> str:
    """What to do about a reference to a name that the template does not declare."""
    if name in resources:
        return (
            f"{name} is a resource of this template; Ref reaches parameters only, "
            "so use the parameter from which the resource takes its name."
        )
    like = certificate_parameter_like(name)
    own_parameters = [
        candidate
        for candidate in declared
        if candidate not in CERTIFICATE_PARAMETERS and "::" not in name
    ]
    near = next(
        (
            candidate
            for candidate in own_parameters
            if like and certificate_parameter_like(candidate) == like
        ),
        None,
    )
    if near is not None:
        return question(near)
    if like is None and name.startswith(CERTIFICATE_PREFIX):
        # Without the namespace, which makes them all alike.
        alike = [candidate for candidate in declared if candidate.startswith(CERTIFICATE_PREFIX)]
        last_words = {
            candidate.removeprefix(CERTIFICATE_PREFIX): candidate
            for candidate in (*alike, *CERTIFICATE_PARAMETERS)
        }
        last_word = nearest(name.removeprefix(CERTIFICATE_PREFIX), last_words)
        if last_word is not None:
            return question(last_words[last_word])
        return f"A certificate gives only {listed(CERTIFICATE_PARAMETERS)}."
    names = [*declared, *CERTIFICATE_PARAMETERS]
    if like is not None and name.lower() not in {known.lower() for known in names}:
        return f"{question(like)} A parameter of your own stands under Parameters."
    hint = did_you_mean(name, names)
    if hint:
        return hint
    if name.startswith("AWS::"):
        return "CloudFormation's pseudo parameters do not exist in provisioning templates."
    return f"Declare {shown(name)} under Parameters, or refer to a declared parameter."
