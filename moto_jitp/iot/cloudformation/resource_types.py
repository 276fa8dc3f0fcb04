"""CloudFormation's handlers of the ``AWS::IoT`` types, which call operations of AWS IoT's API.

Each type creates, updates and deletes one kind of resource. Differences from a plain call, such as
making a CA INACTIVE before deleting it, follow AWS's own handlers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, NamedTuple

from moto_jitp import settings
from moto_jitp.history.acting_moment import acting_at, acting_moment
from moto_jitp.iot.api.internal_calls import CallRefused, InternalCaller

from .values import UnusableValue, as_input

Properties = Mapping[str, Any]

_NOT_FOUND = "ResourceNotFoundException"
_NO_LOGGING = "NotConfiguredException"
# The time after which a deprecated thing type can be deleted; AWS's handler waits for it.
_DEPRECATION = timedelta(minutes=5, seconds=1)
_MOST_VERSIONS = 5


class PhysicalResource(NamedTuple):
    """A resource that exists.

    Attributes:
        id: its physical id, which ``Ref`` returns.
        attributes: what ``Fn::GetAtt`` returns, by attribute name.
    """

    id: str
    attributes: Mapping[str, Any] = {}


class ResourceType:
    """One ``AWS::IoT`` type.

    Attributes:
        name: its name after ``AWS::IoT::``.
        name_property: the property that names the resource; ``None`` if none does.
        required: the required properties.
        replaced: the properties that replace the resource when they change.
        attributes: the names that ``Fn::GetAtt`` accepts.
        underscores: whether generated names have underscores instead of hyphens.
        longest_name: the maximum length of a generated name.
    """

    name: ClassVar[str]
    name_property: ClassVar[str | None] = None
    required: ClassVar[Sequence[str]] = ()
    replaced: ClassVar[Sequence[str]] = ()
    attributes: ClassVar[Sequence[str]] = ()
    underscores: ClassVar[bool] = False
    longest_name: ClassVar[int] = 128

    def name_of(self, properties: Properties, generated: str) -> str:
        """Return the resource's name, given or generated."""
        if self.name_property is not None and self.name_property in properties:
            return str(properties[self.name_property])
        generated = generated[-self.longest_name :].lstrip("-")
        # With strict off it is moto's name, which has hyphens for every type.
        with_underscores = self.underscores and settings.current().strict
        return generated.replace("-", "_") if with_underscores else generated

    def create(self, iot: InternalCaller, name: str, properties: Properties) -> PhysicalResource:
        """Create the resource.

        Raises:
            NotImplementedError: the subclass does not override it.
        """
        raise NotImplementedError

    def update(
        self,
        iot: InternalCaller,
        resource: PhysicalResource,
        properties: Properties,
        old_properties: Properties,
    ) -> PhysicalResource:
        """Change the resource in place.

        Raises:
            UnusableValue: the type cannot be changed.
        """
        raise UnusableValue(f"AWS::IoT::{self.name} cannot be changed after it is created.")

    def delete(
        self, iot: InternalCaller, resource: PhysicalResource, properties: Properties
    ) -> None:
        """Delete the resource, unless it is already gone.

        Raises:
            NotImplementedError: the subclass does not override it.
        """
        raise NotImplementedError


def _only(properties: Properties, *names: str) -> dict[str, Any]:
    return {name: properties[name] for name in names if name in properties}


def _without(properties: Properties, *names: str) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name not in names}


def _call(iot: InternalCaller, operation: str, properties: Properties) -> dict[str, Any]:
    return iot(operation, **as_input(operation, properties))


def _require_new(iot: InternalCaller, operation: str, **name: str) -> None:
    """Refuse an existing resource, like AWS's handlers, although the operations are idempotent."""
    try:
        iot(operation, **name)
    except CallRefused as refused:
        if refused.code == _NOT_FOUND:
            return
        raise
    raise CallRefused("AlreadyExists", f"Resource of name {next(iter(name.values()))} exists.")


def _unless_gone(iot: InternalCaller, operation: str, **members: Any) -> None:
    try:
        iot(operation, **members)
    except CallRefused as refused:
        if refused.code not in (_NOT_FOUND, _NO_LOGGING):
            raise


def _logging_of(iot: InternalCaller, operation: str) -> dict[str, Any]:
    """Read logging options; empty if logging has never been set up."""
    try:
        return iot(operation)
    except CallRefused as refused:
        if refused.code == _NO_LOGGING:
            return {}
        raise


def _retag(
    iot: InternalCaller, arn: str, properties: Properties, old_properties: Properties
) -> None:
    new_tags, old_tags = _tags(properties), _tags(old_properties)
    removed_keys = [key for key in old_tags if key not in new_tags]
    if removed_keys:
        iot("UntagResource", resourceArn=arn, tagKeys=removed_keys)
    changed_tags = {key: value for key, value in new_tags.items() if old_tags.get(key) != value}
    if changed_tags:
        tags = [{"Key": key, "Value": value} for key, value in changed_tags.items()]
        iot("TagResource", resourceArn=arn, tags=tags)


def _tags(properties: Properties) -> dict[str, Any]:
    return {tag["Key"]: tag.get("Value", "") for tag in properties.get("Tags") or ()}


def _document(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


class Thing(ResourceType):
    name = "Thing"
    name_property = "ThingName"
    replaced = ("ThingName",)
    attributes = ("Arn", "Id", "Name")

    def create(self, iot: InternalCaller, name: str, properties: Properties) -> PhysicalResource:
        _require_new(iot, "DescribeThing", thingName=name)
        thing = _call(iot, "CreateThing", {**properties, "ThingName": name})
        return PhysicalResource(
            name, {"Arn": thing["thingArn"], "Id": thing["thingId"], "Name": name}
        )

    def update(
        self,
        iot: InternalCaller,
        resource: PhysicalResource,
        properties: Properties,
        old_properties: Properties,
    ) -> PhysicalResource:
        payload = properties.get("AttributePayload") or {"Attributes": {}}
        change = {"ThingName": resource.id, "AttributePayload": {**payload, "Merge": False}}
        _call(iot, "UpdateThing", change)
        return resource

    def delete(
        self, iot: InternalCaller, resource: PhysicalResource, properties: Properties
    ) -> None:
        _unless_gone(iot, "DeleteThing", thingName=resource.id)


class ThingType(ResourceType):
    name = "ThingType"
    name_property = "ThingTypeName"
    replaced = ("ThingTypeName",)
    attributes = ("Arn", "Id")
    underscores = True

    def create(self, iot: InternalCaller, name: str, properties: Properties) -> PhysicalResource:
        _require_new(iot, "DescribeThingType", thingTypeName=name)
        arguments = {**_without(properties, "DeprecateThingType"), "ThingTypeName": name}
        _call(iot, "CreateThingType", arguments)
        thing_type = iot("DescribeThingType", thingTypeName=name)
        if self._deprecated(properties):
            iot("DeprecateThingType", thingTypeName=name)
        return PhysicalResource(
            name, {"Arn": thing_type["thingTypeArn"], "Id": thing_type["thingTypeId"]}
        )

    def update(
        self,
        iot: InternalCaller,
        resource: PhysicalResource,
        properties: Properties,
        old_properties: Properties,
    ) -> PhysicalResource:
        new_details = properties.get("ThingTypeProperties")
        if new_details != old_properties.get("ThingTypeProperties"):
            change = {"ThingTypeName": resource.id, "ThingTypeProperties": new_details}
            _call(iot, "UpdateThingType", change)
        if self._deprecated(properties) != self._deprecated(old_properties):
            iot(
                "DeprecateThingType",
                thingTypeName=resource.id,
                undoDeprecate=not self._deprecated(properties),
            )
        _retag(iot, resource.attributes["Arn"], properties, old_properties)
        return resource

    def delete(
        self, iot: InternalCaller, resource: PhysicalResource, properties: Properties
    ) -> None:
        _unless_gone(iot, "DeprecateThingType", thingTypeName=resource.id)
        with acting_at(acting_moment() + _DEPRECATION):
            _unless_gone(iot, "DeleteThingType", thingTypeName=resource.id)

    @staticmethod
    def _deprecated(properties: Properties) -> bool:
        return str(properties.get("DeprecateThingType", False)).lower() == "true"


class ThingGroup(ResourceType):
    name = "ThingGroup"
    name_property = "ThingGroupName"
    replaced = ("ThingGroupName", "ParentGroupName")
    attributes = ("Arn", "Id")
    underscores = True

    def create(self, iot: InternalCaller, name: str, properties: Properties) -> PhysicalResource:
        self._refuse_query(properties)
        _require_new(iot, "DescribeThingGroup", thingGroupName=name)
        group = _call(iot, "CreateThingGroup", {**properties, "ThingGroupName": name})
        return PhysicalResource(name, {"Arn": group["thingGroupArn"], "Id": group["thingGroupId"]})

    def update(
        self,
        iot: InternalCaller,
        resource: PhysicalResource,
        properties: Properties,
        old_properties: Properties,
    ) -> PhysicalResource:
        self._refuse_query(properties)
        details = {"ThingGroupProperties": {}, **_only(properties, "ThingGroupProperties")}
        _call(iot, "UpdateThingGroup", {"ThingGroupName": resource.id, **details})
        _retag(iot, resource.attributes["Arn"], properties, old_properties)
        return resource

    def delete(
        self, iot: InternalCaller, resource: PhysicalResource, properties: Properties
    ) -> None:
        _unless_gone(iot, "DeleteThingGroup", thingGroupName=resource.id)

    @staticmethod
    def _refuse_query(properties: Properties) -> None:
        if "QueryString" in properties:
            raise UnusableValue(
                "Properties.QueryString makes a dynamic thing group, which is not emulated: leave "
                "it out for a static one."
            )


class BillingGroup(ResourceType):
    name = "BillingGroup"
    name_property = "BillingGroupName"
    replaced = ("BillingGroupName",)
    attributes = ("Arn", "Id")
    underscores = True

    def create(self, iot: InternalCaller, name: str, properties: Properties) -> PhysicalResource:
        _require_new(iot, "DescribeBillingGroup", billingGroupName=name)
        group = _call(iot, "CreateBillingGroup", {**properties, "BillingGroupName": name})
        return PhysicalResource(
            name, {"Arn": group["billingGroupArn"], "Id": group["billingGroupId"]}
        )

    def update(
        self,
        iot: InternalCaller,
        resource: PhysicalResource,
        properties: Properties,
        old_properties: Properties,
    ) -> PhysicalResource:
        details = {"BillingGroupProperties": {}, **_only(properties, "BillingGroupProperties")}
        _call(iot, "UpdateBillingGroup", {"BillingGroupName": resource.id, **details})
        _retag(iot, resource.attributes["Arn"], properties, old_properties)
        return resource

    def delete(
        self, iot: InternalCaller, resource: PhysicalResource, properties: Properties
    ) -> None:
        _unless_gone(iot, "DeleteBillingGroup", billingGroupName=resource.id)


class Policy(ResourceType):
    name = "Policy"
    name_property = "PolicyName"
    required = ("PolicyDocument",)
    replaced = ("PolicyName",)
    attributes = ("Arn", "Id")
    underscores = True

    def create(self, iot: InternalCaller, name: str, properties: Properties) -> PhysicalResource:
        document = _document(properties["PolicyDocument"])
        arguments = {**properties, "PolicyName": name, "PolicyDocument": document}
        policy = _call(iot, "CreatePolicy", arguments)
        return PhysicalResource(name, {"Arn": policy["policyArn"], "Id": name})

    def update(
        self,
        iot: InternalCaller,
        resource: PhysicalResource,
        properties: Properties,
        old_properties: Properties,
    ) -> PhysicalResource:
        document = _document(properties["PolicyDocument"])
        if document != _document(old_properties["PolicyDocument"]):
            versions = self._versions(iot, resource.id)
            other_versions = [
                version["versionId"] for version in versions if not version["isDefaultVersion"]
            ]
            if len(versions) >= _MOST_VERSIONS:
                iot(
                    "DeletePolicyVersion",
                    policyName=resource.id,
                    policyVersionId=other_versions[-1],
                )
            iot(
                "CreatePolicyVersion",
                policyName=resource.id,
                policyDocument=document,
                setAsDefault=True,
            )
        _retag(iot, resource.attributes["Arn"], properties, old_properties)
        return resource

    def delete(
        self, iot: InternalCaller, resource: PhysicalResource, properties: Properties
    ) -> None:
        try:
            versions = self._versions(iot, resource.id)
        except CallRefused as refused:
            if refused.code == _NOT_FOUND:
                return
            raise
        for version in versions:
            if not version["isDefaultVersion"]:
                _unless_gone(
                    iot,
                    "DeletePolicyVersion",
                    policyName=resource.id,
                    policyVersionId=version["versionId"],
                )
        _unless_gone(iot, "DeletePolicy", policyName=resource.id)

    @staticmethod
    def _versions(iot: InternalCaller, name: str) -> list[dict[str, Any]]:
        versions = iot("ListPolicyVersions", policyName=name)["policyVersions"]
        return sorted(versions, key=lambda version: int(version["versionId"]), reverse=True)


class PolicyPrincipalAttachment(ResourceType):
    name = "PolicyPrincipalAttachment"
    required = ("PolicyName", "Principal")
    replaced = ("PolicyName", "Principal")
    attributes = ("Id",)

    def create(self, iot: InternalCaller, name: str, properties: Properties) -> PhysicalResource:
        policy_name, principal = properties["PolicyName"], properties["Principal"]
        iot("AttachPolicy", policyName=policy_name, target=principal)
        attachment_id = f"{policy_name}|{principal}"
        return PhysicalResource(attachment_id, {"Id": attachment_id})

    def delete(
        self, iot: InternalCaller, resource: PhysicalResource, properties: Properties
    ) -> None:
        policy_name, principal = resource.id.split("|", 1)
        _unless_gone(iot, "DetachPolicy", policyName=policy_name, target=principal)


class ThingPrincipalAttachment(ResourceType):
    name = "ThingPrincipalAttachment"
    required = ("ThingName", "Principal")
    replaced = ("ThingName", "Principal", "ThingPrincipalType")

    def create(self, iot: InternalCaller, name: str, properties: Properties) -> PhysicalResource:
        _call(iot, "AttachThingPrincipal", properties)
        return PhysicalResource(f"{properties['ThingName']}|{properties['Principal']}")

    def delete(
        self, iot: InternalCaller, resource: PhysicalResource, properties: Properties
    ) -> None:
        thing_name, principal = resource.id.split("|", 1)
        _unless_gone(iot, "DetachThingPrincipal", thingName=thing_name, principal=principal)


class ProvisioningTemplate(ResourceType):
    name = "ProvisioningTemplate"
    name_property = "TemplateName"
    required = ("ProvisioningRoleArn", "TemplateBody")
    replaced = ("TemplateName", "TemplateType")
    attributes = ("TemplateArn",)
    longest_name = 36

    def create(self, iot: InternalCaller, name: str, properties: Properties) -> PhysicalResource:
        arguments = self._template_arguments(properties)
        if "TemplateType" in properties:
            arguments["Type"] = properties["TemplateType"]
        body = _document(properties["TemplateBody"])
        members = {"TemplateName": name, "TemplateBody": body, **_only(properties, "Tags")}
        template = _call(iot, "CreateProvisioningTemplate", {**arguments, **members})
        return PhysicalResource(name, {"TemplateArn": template["templateArn"]})

    def update(
        self,
        iot: InternalCaller,
        resource: PhysicalResource,
        properties: Properties,
        old_properties: Properties,
    ) -> PhysicalResource:
        body = _document(properties["TemplateBody"])
        if body != _document(old_properties["TemplateBody"]):
            self._make_room(iot, resource.id)
            iot(
                "CreateProvisioningTemplateVersion",
                templateName=resource.id,
                templateBody=body,
                setAsDefault=True,
            )
        arguments = self._template_arguments(properties)
        if "PreProvisioningHook" in old_properties and "PreProvisioningHook" not in properties:
            arguments["RemovePreProvisioningHook"] = True
        _call(iot, "UpdateProvisioningTemplate", {**arguments, "TemplateName": resource.id})
        _retag(iot, resource.attributes["TemplateArn"], properties, old_properties)
        return resource

    def delete(
        self, iot: InternalCaller, resource: PhysicalResource, properties: Properties
    ) -> None:
        _unless_gone(iot, "DeleteProvisioningTemplate", templateName=resource.id)

    @staticmethod
    def _template_arguments(properties: Properties) -> dict[str, Any]:
        return _only(
            properties, "Description", "Enabled", "ProvisioningRoleArn", "PreProvisioningHook"
        )

    @staticmethod
    def _make_room(iot: InternalCaller, name: str) -> None:
        versions = iot("ListProvisioningTemplateVersions", templateName=name)["versions"]
        other_versions = sorted(
            version["versionId"] for version in versions if not version["isDefaultVersion"]
        )
        if len(versions) >= _MOST_VERSIONS:
            iot("DeleteProvisioningTemplateVersion", templateName=name, versionId=other_versions[0])


class CACertificate(ResourceType):
    name = "CACertificate"
    required = ("CACertificatePem", "Status")
    replaced = ("CACertificatePem", "CertificateMode", "VerificationCertificatePem")
    attributes = ("Arn", "Id")

    def create(self, iot: InternalCaller, name: str, properties: Properties) -> PhysicalResource:
        ca = _call(
            iot,
            "RegisterCACertificate",
            {
                "CACertificate": properties["CACertificatePem"],
                "SetAsActive": properties["Status"] == "ACTIVE",
                "AllowAutoRegistration": properties.get("AutoRegistrationStatus") == "ENABLE",
                **_only(properties, "CertificateMode", "RegistrationConfig", "Tags"),
                **(
                    {"VerificationCertificate": properties["VerificationCertificatePem"]}
                    if "VerificationCertificatePem" in properties
                    else {}
                ),
            },
        )
        return PhysicalResource(
            ca["certificateId"], {"Arn": ca["certificateArn"], "Id": ca["certificateId"]}
        )

    def update(
        self,
        iot: InternalCaller,
        resource: PhysicalResource,
        properties: Properties,
        old_properties: Properties,
    ) -> PhysicalResource:
        change: dict[str, Any] = {
            "CertificateId": resource.id,
            "NewStatus": properties["Status"],
            **_only(properties, "RegistrationConfig", "RemoveAutoRegistration"),
        }
        if "AutoRegistrationStatus" in properties:
            change["NewAutoRegistrationStatus"] = properties["AutoRegistrationStatus"]
        _call(iot, "UpdateCACertificate", change)
        _retag(iot, resource.attributes["Arn"], properties, old_properties)
        return resource

    def delete(
        self, iot: InternalCaller, resource: PhysicalResource, properties: Properties
    ) -> None:
        _unless_gone(iot, "UpdateCACertificate", certificateId=resource.id, newStatus="INACTIVE")
        _unless_gone(iot, "DeleteCACertificate", certificateId=resource.id)


class Certificate(ResourceType):
    name = "Certificate"
    required = ("Status",)
    replaced = (
        "CACertificatePem",
        "CertificateMode",
        "CertificatePem",
        "CertificateSigningRequest",
    )
    attributes = ("Arn", "Id")

    def create(self, iot: InternalCaller, name: str, properties: Properties) -> PhysicalResource:
        status = properties["Status"]
        pem = properties.get("CertificatePem")
        ca_pem = properties.get("CACertificatePem")
        csr = properties.get("CertificateSigningRequest")
        sni_only = properties.get("CertificateMode") == "SNI_ONLY"
        if csr is not None and pem is None:
            created_certificate = iot("CreateCertificateFromCsr", certificateSigningRequest=csr)
            iot(
                "UpdateCertificate",
                certificateId=created_certificate["certificateId"],
                newStatus=status,
            )
        elif pem is not None and ca_pem is not None and csr is None and not sni_only:
            created_certificate = iot(
                "RegisterCertificate", certificatePem=pem, caCertificatePem=ca_pem, status=status
            )
        elif pem is not None and ca_pem is None and csr is None and sni_only:
            created_certificate = iot(
                "RegisterCertificateWithoutCA", certificatePem=pem, status=status
            )
        else:
            raise UnusableValue(
                "Invalid certificate resource configuration: give a CertificateSigningRequest; or "
                "a CertificatePem with the CACertificatePem that signed it; or a CertificatePem "
                "with the CertificateMode SNI_ONLY."
            )
        certificate_id = created_certificate["certificateId"]
        return PhysicalResource(
            certificate_id, {"Arn": created_certificate["certificateArn"], "Id": certificate_id}
        )

    def update(
        self,
        iot: InternalCaller,
        resource: PhysicalResource,
        properties: Properties,
        old_properties: Properties,
    ) -> PhysicalResource:
        iot("UpdateCertificate", certificateId=resource.id, newStatus=properties["Status"])
        return resource

    def delete(
        self, iot: InternalCaller, resource: PhysicalResource, properties: Properties
    ) -> None:
        _unless_gone(iot, "UpdateCertificate", certificateId=resource.id, newStatus="INACTIVE")
        _unless_gone(iot, "DeleteCertificate", certificateId=resource.id)


class RoleAlias(ResourceType):
    name = "RoleAlias"
    name_property = "RoleAlias"
    required = ("RoleArn",)
    replaced = ("RoleAlias",)
    attributes = ("RoleAliasArn",)
    underscores = True

    def create(self, iot: InternalCaller, name: str, properties: Properties) -> PhysicalResource:
        alias = _call(iot, "CreateRoleAlias", {**properties, "RoleAlias": name})
        return PhysicalResource(name, {"RoleAliasArn": alias["roleAliasArn"]})

    def update(
        self,
        iot: InternalCaller,
        resource: PhysicalResource,
        properties: Properties,
        old_properties: Properties,
    ) -> PhysicalResource:
        _call(iot, "UpdateRoleAlias", {**_without(properties, "Tags"), "RoleAlias": resource.id})
        _retag(iot, resource.attributes["RoleAliasArn"], properties, old_properties)
        return resource

    def delete(
        self, iot: InternalCaller, resource: PhysicalResource, properties: Properties
    ) -> None:
        _unless_gone(iot, "DeleteRoleAlias", roleAlias=resource.id)


class TopicRule(ResourceType):
    name = "TopicRule"
    name_property = "RuleName"
    required = ("TopicRulePayload",)
    replaced = ("RuleName",)
    attributes = ("Arn",)
    underscores = True

    def create(self, iot: InternalCaller, name: str, properties: Properties) -> PhysicalResource:
        tags = "&".join(f"{key}={value}" for key, value in _tags(properties).items())
        arguments = {"RuleName": name, "TopicRulePayload": properties["TopicRulePayload"]}
        _call(iot, "CreateTopicRule", {**arguments, **({"Tags": tags} if tags else {})})
        return PhysicalResource(name, {"Arn": iot("GetTopicRule", ruleName=name)["ruleArn"]})

    def update(
        self,
        iot: InternalCaller,
        resource: PhysicalResource,
        properties: Properties,
        old_properties: Properties,
    ) -> PhysicalResource:
        change = {"RuleName": resource.id, "TopicRulePayload": properties["TopicRulePayload"]}
        _call(iot, "ReplaceTopicRule", change)
        _retag(iot, resource.attributes["Arn"], properties, old_properties)
        return resource

    def delete(
        self, iot: InternalCaller, resource: PhysicalResource, properties: Properties
    ) -> None:
        _unless_gone(iot, "DeleteTopicRule", ruleName=resource.id)


class Logging(ResourceType):
    name = "Logging"
    required = ("AccountId", "DefaultLogLevel", "RoleArn")
    replaced = ("AccountId",)

    def create(self, iot: InternalCaller, name: str, properties: Properties) -> PhysicalResource:
        account_id = str(properties["AccountId"])
        if account_id != iot.account_id:
            raise UnusableValue(
                f"Properties.AccountId is {account_id}; it must be the account of the stack, "
                f"{iot.account_id}."
            )
        current_options = _logging_of(iot, "GetV2LoggingOptions")
        if current_options.get("roleArn") and not current_options.get("disableAllLogs"):
            raise CallRefused("AlreadyExists", "The V2LoggingOptions already exists.")
        self._set(iot, properties)
        return PhysicalResource(account_id)

    def update(
        self,
        iot: InternalCaller,
        resource: PhysicalResource,
        properties: Properties,
        old_properties: Properties,
    ) -> PhysicalResource:
        self._set(iot, properties)
        return resource

    def delete(
        self, iot: InternalCaller, resource: PhysicalResource, properties: Properties
    ) -> None:
        iot("SetV2LoggingOptions", disableAllLogs=True)

    @staticmethod
    def _set(iot: InternalCaller, properties: Properties) -> None:
        arguments = {**_without(properties, "AccountId"), "DisableAllLogs": False}
        _call(iot, "SetV2LoggingOptions", arguments)


class ResourceSpecificLogging(ResourceType):
    name = "ResourceSpecificLogging"
    required = ("LogLevel", "TargetName", "TargetType")
    replaced = ("TargetName", "TargetType")
    attributes = ("TargetId",)

    def create(self, iot: InternalCaller, name: str, properties: Properties) -> PhysicalResource:
        target = _only(properties, "TargetType", "TargetName")
        page = _logging_of(iot, "ListV2LoggingLevels")
        levels = page.get("logTargetConfigurations", [])
        log_target = (properties["TargetType"], properties["TargetName"])
        same_targets = [
            (entry["logTarget"]["targetType"], entry["logTarget"].get("targetName"))
            for entry in levels
        ]
        if log_target in same_targets:
            raise CallRefused("AlreadyExists", f"The log level of {':'.join(log_target)} exists.")
        self._set(iot, target, properties)
        target_id = ":".join(log_target)
        return PhysicalResource(target_id, {"TargetId": target_id})

    def update(
        self,
        iot: InternalCaller,
        resource: PhysicalResource,
        properties: Properties,
        old_properties: Properties,
    ) -> PhysicalResource:
        self._set(iot, _only(properties, "TargetType", "TargetName"), properties)
        return resource

    def delete(
        self, iot: InternalCaller, resource: PhysicalResource, properties: Properties
    ) -> None:
        target_type, target_name = resource.id.split(":", 1)
        _unless_gone(iot, "DeleteV2LoggingLevel", targetType=target_type, targetName=target_name)

    @staticmethod
    def _set(iot: InternalCaller, target: Properties, properties: Properties) -> None:
        arguments = {"LogTarget": target, "LogLevel": properties["LogLevel"]}
        _call(iot, "SetV2LoggingLevel", arguments)


class DomainConfiguration(ResourceType):
    name = "DomainConfiguration"
    name_property = "DomainConfigurationName"
    replaced = (
        "DomainConfigurationName",
        "DomainName",
        "ServerCertificateArns",
        "ServiceType",
        "ValidationCertificateArn",
    )
    attributes = ("Arn", "DomainType", "ServerCertificates")

    def create(self, iot: InternalCaller, name: str, properties: Properties) -> PhysicalResource:
        arguments = {
            **_without(properties, "DomainConfigurationStatus"),
            "DomainConfigurationName": name,
        }
        _call(iot, "CreateDomainConfiguration", arguments)
        if properties.get("DomainConfigurationStatus") == "DISABLED":
            self._set_status(iot, name, "DISABLED")
        description = iot("DescribeDomainConfiguration", domainConfigurationName=name)
        attributes = {
            "Arn": description["domainConfigurationArn"],
            "DomainType": description.get("domainType"),
            "ServerCertificates": description.get("serverCertificates", []),
        }
        return PhysicalResource(name, attributes)

    def update(
        self,
        iot: InternalCaller,
        resource: PhysicalResource,
        properties: Properties,
        old_properties: Properties,
    ) -> PhysicalResource:
        change = _without(properties, "Tags", *self.replaced)
        if "AuthorizerConfig" in old_properties and "AuthorizerConfig" not in properties:
            change["RemoveAuthorizerConfig"] = True
        change["DomainConfigurationName"] = resource.id
        _call(iot, "UpdateDomainConfiguration", change)
        _retag(iot, resource.attributes["Arn"], properties, old_properties)
        return resource

    def delete(
        self, iot: InternalCaller, resource: PhysicalResource, properties: Properties
    ) -> None:
        try:
            self._set_status(iot, resource.id, "DISABLED")
        except CallRefused as refused:
            if refused.code != _NOT_FOUND:
                raise
        _unless_gone(iot, "DeleteDomainConfiguration", domainConfigurationName=resource.id)

    @staticmethod
    def _set_status(iot: InternalCaller, name: str, status: str) -> None:
        iot(
            "UpdateDomainConfiguration",
            domainConfigurationName=name,
            domainConfigurationStatus=status,
        )


class Job(ResourceType):
    name = "Job"
    name_property = "JobId"
    required = ("Targets",)
    replaced = ("JobId", "Targets", "Document", "DocumentSource", "TargetSelection")
    attributes = ("Arn",)
    underscores = True
    longest_name = 64

    def create(self, iot: InternalCaller, name: str, properties: Properties) -> PhysicalResource:
        document = (
            {"Document": _document(properties["Document"])} if "Document" in properties else {}
        )
        job = _call(iot, "CreateJob", {**properties, **document, "JobId": name})
        return PhysicalResource(name, {"Arn": job["jobArn"]})

    def update(
        self,
        iot: InternalCaller,
        resource: PhysicalResource,
        properties: Properties,
        old_properties: Properties,
    ) -> PhysicalResource:
        change = _without(properties, "Tags", *self.replaced)
        _call(iot, "UpdateJob", {**change, "JobId": resource.id})
        _retag(iot, resource.attributes["Arn"], properties, old_properties)
        return resource

    def delete(
        self, iot: InternalCaller, resource: PhysicalResource, properties: Properties
    ) -> None:
        _unless_gone(iot, "DeleteJob", jobId=resource.id, force=True)


class JobTemplate(ResourceType):
    name = "JobTemplate"
    name_property = "JobTemplateId"
    required = ("Description", "JobTemplateId")
    replaced = (
        "AbortConfig",
        "Description",
        "DestinationPackageVersions",
        "Document",
        "DocumentSource",
        "JobArn",
        "JobExecutionsRetryConfig",
        "JobExecutionsRolloutConfig",
        "JobTemplateId",
        "MaintenanceWindows",
        "PresignedUrlConfig",
        "Tags",
        "TimeoutConfig",
    )
    attributes = ("Arn",)

    def create(self, iot: InternalCaller, name: str, properties: Properties) -> PhysicalResource:
        template = _call(iot, "CreateJobTemplate", {**properties, "JobTemplateId": name})
        return PhysicalResource(name, {"Arn": template["jobTemplateArn"]})

    def delete(
        self, iot: InternalCaller, resource: PhysicalResource, properties: Properties
    ) -> None:
        _unless_gone(iot, "DeleteJobTemplate", jobTemplateId=resource.id)


class SoftwarePackage(ResourceType):
    name = "SoftwarePackage"
    name_property = "PackageName"
    replaced = ("PackageName",)
    attributes = ("PackageArn",)

    def create(self, iot: InternalCaller, name: str, properties: Properties) -> PhysicalResource:
        _require_new(iot, "GetPackage", packageName=name)
        arguments = {**_without(properties, "Tags"), "PackageName": name}
        package = _call(iot, "CreatePackage", _with_tag_map(arguments, properties))
        return PhysicalResource(name, {"PackageArn": package["packageArn"]})

    def update(
        self,
        iot: InternalCaller,
        resource: PhysicalResource,
        properties: Properties,
        old_properties: Properties,
    ) -> PhysicalResource:
        change = {"PackageName": resource.id, "Description": properties.get("Description", "")}
        _call(iot, "UpdatePackage", change)
        _retag(iot, resource.attributes["PackageArn"], properties, old_properties)
        return resource

    def delete(
        self, iot: InternalCaller, resource: PhysicalResource, properties: Properties
    ) -> None:
        try:
            iot("UpdatePackage", packageName=resource.id, unsetDefaultVersion=True)
        except CallRefused as refused:
            if refused.code == _NOT_FOUND:
                return
            raise
        # Each call shows at most one page of them.
        while versions := iot("ListPackageVersions", packageName=resource.id)[
            "packageVersionSummaries"
        ]:
            for version in versions:
                name = version["versionName"]
                iot("DeletePackageVersion", packageName=resource.id, versionName=name)
        _unless_gone(iot, "DeletePackage", packageName=resource.id)


class SoftwarePackageVersion(ResourceType):
    name = "SoftwarePackageVersion"
    name_property = "VersionName"
    required = ("PackageName",)
    replaced = ("PackageName", "VersionName")
    attributes = ("ErrorReason", "PackageVersionArn", "SbomValidationStatus", "Status")

    def create(self, iot: InternalCaller, name: str, properties: Properties) -> PhysicalResource:
        arguments = {**_without(properties, "Tags"), "VersionName": name}
        version = _call(iot, "CreatePackageVersion", _with_tag_map(arguments, properties))
        return PhysicalResource(
            f"{properties['PackageName']}|{name}",
            {
                "PackageVersionArn": version["packageVersionArn"],
                "Status": version["status"],
                "ErrorReason": version.get("errorReason", ""),
                "SbomValidationStatus": "",
            },
        )

    def update(
        self,
        iot: InternalCaller,
        resource: PhysicalResource,
        properties: Properties,
        old_properties: Properties,
    ) -> PhysicalResource:
        package_name, version_name = resource.id.split("|", 1)
        names = {"PackageName": package_name, "VersionName": version_name}
        change = _only(properties, "Description", "Attributes", "Artifact", "Recipe")
        _call(iot, "UpdatePackageVersion", {**change, **names})
        _retag(iot, resource.attributes["PackageVersionArn"], properties, old_properties)
        return resource

    def delete(
        self, iot: InternalCaller, resource: PhysicalResource, properties: Properties
    ) -> None:
        package_name, version_name = resource.id.split("|", 1)
        _unless_gone(
            iot, "DeletePackageVersion", packageName=package_name, versionName=version_name
        )


def _with_tag_map(arguments: dict[str, Any], properties: Properties) -> dict[str, Any]:
    tags = _tags(properties)
    return {**arguments, "Tags": tags} if tags else arguments


RESOURCE_TYPES: Mapping[str, ResourceType] = {
    f"AWS::IoT::{kind.name}": kind()
    for kind in (
        BillingGroup,
        CACertificate,
        Certificate,
        DomainConfiguration,
        Job,
        JobTemplate,
        Logging,
        Policy,
        PolicyPrincipalAttachment,
        ProvisioningTemplate,
        ResourceSpecificLogging,
        RoleAlias,
        SoftwarePackage,
        SoftwarePackageVersion,
        Thing,
        ThingGroup,
        ThingPrincipalAttachment,
        ThingType,
        TopicRule,
    )
}
