"""Has moto's CloudFormation make, change and delete the ``AWS::IoT`` resources of a stack.

moto's own classes make six of the types, some of them wrongly, and silently skip the others. Ours
replace all of them while the plugin is active.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from moto.cloudformation import parsing
from moto.cloudformation.exceptions import UnformattedGetAttTemplateException, ValidationError
from moto.cloudformation.models import CloudFormationBackend, Event, Stack
from moto.cloudformation.parsing import ResourceMap

from moto_jitp import settings
from moto_jitp.iot.api.internal_calls import CallRefused, InternalCaller
from moto_jitp.names import did_you_mean

from .references import check_references
from .resource_types import RESOURCE_TYPES, PhysicalResource, ResourceType
from .serverless import expand
from .values import UnusableValue, as_json

SERVICE = "cloudformation.amazonaws.com"
_PREFIX = "AWS::IoT::"


class ResourceFailed(ValidationError):  # noqa: N818 - becomes the state of a stack
    """A resource could not be made, changed or deleted; the stack is rolled back.

    Attributes:
        logical_id: its logical id, if known.
        type_name: its type.
        reason: AWS IoT's error, or what is wrong with the template.
    """

    def __init__(self, type_name: str, reason: str, logical_id: str = "") -> None:
        super().__init__(message=f"{type_name} {logical_id}".rstrip() + f": {reason}")
        self.type_name = type_name
        self.logical_id = logical_id
        self.reason = reason


class Resource:
    """A resource of a stack, with the interface that moto's CloudFormation expects.

    Attributes:
        kind: its type.
        resource: the existing resource.
        properties: the properties it was made with.
        logical_resource_id: its logical id; moto sets it.
        cf_resource_type: the name of its type; moto sets it.
    """

    kind: ResourceType

    def __init__(self, resource: PhysicalResource, properties: Mapping[str, Any]) -> None:
        self.resource = resource
        self.properties = properties
        self.logical_resource_id = ""
        self.cf_resource_type = f"{_PREFIX}{self.kind.name}"

    @property
    def physical_resource_id(self) -> str:
        """The value that ``Ref`` returns."""
        return self.resource.id

    def get_cfn_attribute(self, name: str) -> Any:
        """Return the value of ``Fn::GetAtt``.

        Raises:
            UnformattedGetAttTemplateException: the type has no such attribute.
        """
        if name not in self.kind.attributes:
            raise UnformattedGetAttTemplateException()
        return self.resource.attributes[name]

    @classmethod
    def has_cfn_attr(cls, name: str) -> bool:
        """Whether ``Fn::GetAtt`` accepts this name."""
        return name in cls.kind.attributes

    @staticmethod
    def is_created() -> bool:
        """Whether it is ready to be used."""
        return True

    @classmethod
    def cloudformation_type(cls) -> str:
        """The name of the type."""
        return f"{_PREFIX}{cls.kind.name}"

    @classmethod
    def cloudformation_name_type(cls) -> str | None:
        """The property that names the resource."""
        return cls.kind.name_property

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Mapping[str, Any],
        account_id: str,
        region_name: str,
        **further_arguments: Any,
    ) -> Resource:
        """Make the resource."""
        logical_id = str(further_arguments.get("LogicalId", ""))
        with _failing(cls.kind, logical_id):
            return cls._make(resource_name, cloudformation_json, _caller(account_id, region_name))

    @classmethod
    def _make(
        cls, generated_name: str, document: Mapping[str, Any], iot: InternalCaller
    ) -> Resource:
        properties = _checked_properties(cls.kind, document)
        name = cls.kind.name_of(properties, generated_name)
        return cls(cls.kind.create(iot, name, properties), properties)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Resource,
        new_resource_name: str,
        cloudformation_json: Mapping[str, Any],
        account_id: str,
        region_name: str,
    ) -> Resource:
        """Change the resource, or replace it by making a new one and then deleting the old one."""
        kind, iot = cls.kind, _caller(account_id, region_name)
        with _failing(kind, original_resource.logical_resource_id):
            old_properties, resource = original_resource.properties, original_resource.resource
            properties = _checked_properties(kind, cloudformation_json)
            changed_properties = [
                name
                for name in {**old_properties, **properties}
                if old_properties.get(name) != properties.get(name)
            ]
            if not changed_properties:
                return original_resource
            if any(name in kind.replaced for name in changed_properties):
                new_resource = cls._make(new_resource_name, cloudformation_json, iot)
                if new_resource.resource.id != resource.id:
                    kind.delete(iot, resource, old_properties)
                return new_resource
            return cls(kind.update(iot, resource, properties, old_properties), properties)

    def delete(self, account_id: str, region_name: str) -> None:
        """Delete the resource."""
        with _failing(self.kind, self.logical_resource_id):
            self.kind.delete(_caller(account_id, region_name), self.resource, self.properties)


def _caller(account_id: str, region_name: str) -> InternalCaller:
    return InternalCaller(account_id, region_name, SERVICE)


@contextmanager
def _failing(kind: ResourceType, logical_id: str) -> Iterator[None]:
    """Turn AWS IoT's refusals within the block into the failure of a resource."""
    try:
        yield
    except (CallRefused, UnusableValue) as error:
        raise ResourceFailed(f"{_PREFIX}{kind.name}", str(error), logical_id) from error


def _checked_properties(kind: ResourceType, document: Mapping[str, Any]) -> Mapping[str, Any]:
    properties: Mapping[str, Any] = as_json(document.get("Properties") or {})
    missing = [name for name in kind.required if name not in properties]
    if missing:
        raise UnusableValue(
            f"Properties validation failed: required key [{', '.join(missing)}] not found."
        )
    return properties


_CLASSES: Mapping[str, type[Resource]] = {
    name: type(f"{kind.name}Resource", (Resource,), {"kind": kind, "__module__": __name__})
    for name, kind in RESOURCE_TYPES.items()
}


def plug_in_cloudformation(undo: ExitStack) -> None:
    """Replace moto's types by ours.

    Args:
        undo: receives the functions that undo the changes.
    """
    list_of_models, map_of_models = parsing.get_model_list, parsing.get_model_map

    def get_model_list() -> list[Any]:
        # The first class of a type says which property names it.
        return [*_CLASSES.values(), *list_of_models()]

    def get_model_map() -> dict[str, Any]:
        return {**map_of_models(), **_CLASSES}

    load = _checking_load(ResourceMap.load)
    update_resources = _checking_update(ResourceMap.update)
    create = _rolling_back_creation(Stack.create_resources)
    update = _rolling_back_update(Stack.update)
    execute = _rolling_back_change_set(CloudFormationBackend.execute_change_set)
    undo.enter_context(patch.object(parsing, "get_model_list", get_model_list))
    undo.enter_context(patch.object(parsing, "get_model_map", get_model_map))
    undo.enter_context(patch.object(ResourceMap, "load", load))
    undo.enter_context(patch.object(ResourceMap, "update", update_resources))
    undo.enter_context(patch.object(Stack, "create_resources", create))
    undo.enter_context(patch.object(Stack, "update", update))
    undo.enter_context(patch.object(CloudFormationBackend, "execute_change_set", execute))


def _checking_load(plain: Callable[..., None]) -> Callable[..., None]:
    def load(resources: Any) -> None:
        document = resources._template
        expand(document, resources.input_parameters, resources._region_name)
        resources._resource_json_map = document.get("Resources") or {}
        _check_types(resources._resource_json_map)
        check_references(document)
        plain(resources)

    return load


def _checking_update(plain: Callable[..., None]) -> Callable[..., None]:
    def update(resources: Any, template: Any, parameters: Any = None) -> None:
        expand(template, parameters or resources.input_parameters, resources._region_name)
        _check_types(template.get("Resources") or {})
        check_references(template)
        plain(resources, template, parameters)

    return update


def _check_types(documents: Mapping[str, Any]) -> None:
    """Refuse a template with ``AWS::IoT`` types that would be skipped silently."""
    current = settings.current()
    for logical_id, document in documents.items():
        type_name = document.get("Type", "")
        if not type_name.startswith(_PREFIX) or type_name in _CLASSES:
            continue
        text = (
            f"Template format error: the type {type_name} of {logical_id} is not emulated, so the "
            "stack would report success without creating it."
        )
        text = did_you_mean(type_name, _CLASSES, after=text)
        if current.strict and current.stacks == "refuse":
            raise ValidationError(
                message=f"{text} Take it out of the template for tests, or have it passed over "
                'with the setting "stacks": "warn".'
            )
        warnings.warn(text, stacklevel=2)


def _rolling_back_creation(plain: Callable[..., None]) -> Callable[..., None]:
    def create_resources(stack: Any) -> None:
        try:
            plain(stack)
        except ResourceFailed as failure:
            _roll_back_creation(stack, failure)

    return create_resources


def _roll_back_creation(stack: Any, failure: ResourceFailed) -> None:
    _tell_failure(stack, failure, "CREATE_FAILED", "ROLLBACK_IN_PROGRESS")
    try:
        with _silence():
            stack.resource_map.delete()
    except Exception as error:
        _end(stack, "ROLLBACK_FAILED", str(error))
    else:
        _end(stack, "ROLLBACK_COMPLETE")


def _rolling_back_update(plain: Callable[..., None]) -> Callable[..., None]:
    def update(stack: Any, template: str, *args: Any, **kwargs: Any) -> None:
        before = _Before(stack)
        try:
            plain(stack, template, *args, **kwargs)
        except ResourceFailed as failure:
            before.restore(failure)

    return update


def _rolling_back_change_set(plain: Callable[..., None]) -> Callable[..., None]:
    def execute_change_set(
        backend: Any, change_set_name: str, stack_name: str | None = None
    ) -> None:
        change_set = _change_set(backend, change_set_name)
        stack = backend.stacks.get(change_set.stack_id) if change_set is not None else None
        before = _Before(stack) if stack is not None else None
        try:
            plain(backend, change_set_name, stack_name)
        except ResourceFailed as failure:
            assert change_set is not None
            assert before is not None
            change_set.execution_status = "EXECUTE_FAILED"
            if change_set.change_set_type == "CREATE":
                _roll_back_creation(stack, failure)
            else:
                before.restore(failure)
            return
        if stack is not None:
            # moto would still report the outputs of the template before the change set.
            stack.template_dict = change_set.template_dict
            stack.output_map = stack._create_output_map()

    return execute_change_set


def _change_set(backend: Any, name: str) -> Any:
    change_set = backend.change_sets.get(name)
    same_named = (
        change_set
        for change_set in backend.change_sets.values()
        if change_set.change_set_name == name
    )
    return change_set or next(same_named, None)


class _Before:
    """A stack's template and parameters before an update."""

    def __init__(self, stack: Any) -> None:
        self._stack = stack
        self._template = stack.template
        self._document = stack.template_dict
        self._parameters = dict(stack.resource_map.input_parameters)

    def restore(self, failure: ResourceFailed) -> None:
        """Undo a failed update."""
        stack = self._stack
        _tell_failure(stack, failure, "UPDATE_FAILED", "UPDATE_ROLLBACK_IN_PROGRESS")
        stack.template, stack.template_dict = self._template, self._document
        try:
            with _silence():
                stack.resource_map.update(self._document, self._parameters)
        except Exception as error:
            _end(stack, "UPDATE_ROLLBACK_FAILED", str(error))
        else:
            _end(stack, "UPDATE_ROLLBACK_COMPLETE")


@contextmanager
def _silence() -> Iterator[None]:
    """Suppress moto's warnings about resources that were never made."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _tell_failure(stack: Any, failure: ResourceFailed, resource: str, action: str) -> None:
    event = Event(
        stack_id=stack.stack_id,
        stack_name=stack.name,
        logical_resource_id=failure.logical_id,
        physical_resource_id="",
        resource_type=failure.type_name,
        resource_status=resource,
        resource_status_reason=failure.reason,
        resource_properties=None,
    )
    stack.events.append(event)
    failed = f"The following resource(s) failed: [{failure.logical_id}]. {failure.reason}"
    stack._add_stack_event(action, resource_status_reason=failed)


def _end(stack: Any, status: str, reason: str | None = None) -> None:
    stack.status = status
    stack._add_stack_event(status, resource_status_reason=reason)
