"""Tags of IoT resources: TagResource, UntagResource, ListTagsForResource."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from moto.utilities.tagging_service import TaggingService

from moto_jitp.iot.account.endpoints import Endpoints
from moto_jitp.iot.api.operations import (
    CallMoto,
    Input,
    Output,
    operation,
    operation_over_moto,
)
from moto_jitp.iot.exceptions import LimitExceeded, ResourceNotFound

MAX_TAGS = 50

ResultT = TypeVar("ResultT")


class Tags(Endpoints):
    """The part of the backend that keeps tags, by ARN."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self._tags = TaggingService()

    def tag(self, arn: str, tags: list[dict[str, str]] | None) -> None:
        """Put tags on a resource that is known to exist.

        Raises:
            LimitExceeded: the resource would have more than 50.
        """
        if not tags:
            return
        _check_number(arn, {*self._tags.get_tag_dict_for_resource(arn), *_keys(tags)})
        self._tags.tag_resource(arn, [{"Value": "", **tag} for tag in tags])

    def create_with(
        self, arn: str, tags: list[dict[str, str]] | None, create: Callable[[], ResultT]
    ) -> ResultT:
        """Create a resource with its tags, or neither.

        Args:
            arn: the ARN that the resource will have.
            tags: its tags.
            create: creates it.

        Raises:
            LimitExceeded: it would have more than 50 tags.
        """
        _check_number(arn, _keys(tags or []))
        with self.lock:
            result = create()
            # One of the same name that was deleted may have left its own.
            self.untag_all(arn)
            self.tag(arn, tags)
        return result

    def untag(self, arn: str, keys: list[str]) -> None:
        """Take tags off a resource; keys that it does not have are ignored."""
        self._tags.untag_resource_using_names(arn, keys)

    def untag_all(self, arn: str) -> None:
        """Forget the tags of a resource that is deleted."""
        self._tags.delete_all_tags_for_resource(arn)

    def tags_of(self, arn: str) -> list[dict[str, str]]:
        """Return the tags of a resource, as ``Key`` and ``Value``."""
        return self._tags.list_tags_for_resource(arn)["Tags"]

    def check_taggable(self, arn: str) -> None:
        """Refuse an ARN that names no resource of this account and Region.

        Raises:
            ResourceNotFound: there is no such resource.
        """
        kind, _, name = arn.rpartition(":")[2].partition("/")
        if arn != self.arn(f"{kind}/{name}") or not self.has_taggable(kind, name):
            raise ResourceNotFound(
                f"No resource with the ARN {arn} that can have tags exists in account "
                f"{self.account_id}, Region {self.region_name}."
            )

    def has_taggable(self, kind: str, name: str) -> bool:
        """Whether there is such a resource, of a kind that can have tags.

        Args:
            kind: as ARNs call it, such as ``thinggroup``.
            name: what follows it in the ARN.
        """
        if kind == "thingtype":
            return self.find_thing_type(name) is not None
        if kind == "thinggroup":
            return self.find_thing_group(name) is not None
        named: dict[str, Mapping[str, object]] = {
            "billinggroup": self.billing_groups,
            "policy": self.policies,
            "rolealias": self.role_aliases,
        }
        return name in named.get(kind, {})


def _keys(tags: list[dict[str, str]]) -> set[str]:
    return {tag["Key"] for tag in tags}


def _check_number(arn: str, keys: Collection[str]) -> None:
    if len(keys) > MAX_TAGS:
        raise LimitExceeded(
            f"A resource can have at most {MAX_TAGS} tags; {arn} would have {len(keys)}."
        )


@operation("TagResource", Tags)
def tag_resource(tags: Tags, given: Input) -> None:
    with tags.lock:
        tags.check_taggable(given["resourceArn"])
        tags.tag(given["resourceArn"], given["tags"])


@operation("UntagResource", Tags)
def untag_resource(tags: Tags, given: Input) -> None:
    with tags.lock:
        tags.check_taggable(given["resourceArn"])
        tags.untag(given["resourceArn"], given["tagKeys"])


@operation("ListTagsForResource", Tags)
def list_tags_for_resource(tags: Tags, given: Input) -> Output:
    with tags.lock:
        tags.check_taggable(given["resourceArn"])
        return {"tags": tags.tags_of(given["resourceArn"])}


# moto drops the tags of what it creates; a list without them would be a lie.


@operation_over_moto("CreateThingType", Tags)
def create_thing_type(tags: Tags, given: Input, moto: CallMoto) -> Output:
    return _create(tags, f"thingtype/{given['thingTypeName']}", given, moto)


@operation_over_moto("CreateThingGroup", Tags)
def create_thing_group(tags: Tags, given: Input, moto: CallMoto) -> Output:
    return _create(tags, f"thinggroup/{given['thingGroupName']}", given, moto)


@operation_over_moto("CreateBillingGroup", Tags)
def create_billing_group(tags: Tags, given: Input, moto: CallMoto) -> Output:
    return _create(tags, f"billinggroup/{given['billingGroupName']}", given, moto)


@operation_over_moto("CreateRoleAlias", Tags)
def create_role_alias(tags: Tags, given: Input, moto: CallMoto) -> Output:
    return _create(tags, f"rolealias/{given['roleAlias']}", given, moto)


def _create(tags: Tags, resource: str, given: Input, moto: CallMoto) -> Output:
    return tags.create_with(tags.arn(resource), given.get("tags"), moto)
