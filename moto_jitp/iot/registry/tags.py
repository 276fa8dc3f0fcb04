"""Tags of IoT resources: TagResource, UntagResource, ListTagsForResource."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from moto.core.responses import ActionResult, EmptyResult
from moto.utilities.tagging_service import TaggingService

from moto_jitp.iot.account.endpoints import Endpoints
from moto_jitp.iot.api.actions import IoTActions
from moto_jitp.iot.exceptions import LimitExceeded, ResourceNotFound

MAX_TAGS = 50


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


class TagsActions(IoTActions):
    """The API actions on tags, and the tags that moto's own resources are created with."""

    @property
    def backend(self) -> Tags:
        return self.any_backend()  # type: ignore[no-any-return]

    def tag_resource(self) -> ActionResult:
        given = self.input()
        with self.backend.lock:
            self.backend.check_taggable(given["resourceArn"])
            self.backend.tag(given["resourceArn"], given["tags"])
        return EmptyResult()

    def untag_resource(self) -> ActionResult:
        given = self.input()
        with self.backend.lock:
            self.backend.check_taggable(given["resourceArn"])
            self.backend.untag(given["resourceArn"], given["tagKeys"])
        return EmptyResult()

    def list_tags_for_resource(self) -> ActionResult:
        arn = self.input()["resourceArn"]
        with self.backend.lock:
            self.backend.check_taggable(arn)
            return ActionResult({"tags": self.backend.tags_of(arn)})

    # moto drops the tags of what it creates; a list without them would be a lie.

    def create_thing_type(self) -> ActionResult:
        return self._create("thingtype", "thingTypeName", super().create_thing_type)

    def create_thing_group(self) -> ActionResult:
        return self._create("thinggroup", "thingGroupName", super().create_thing_group)

    def create_billing_group(self) -> ActionResult:
        return self._create("billinggroup", "billingGroupName", super().create_billing_group)

    def create_policy(self) -> ActionResult:
        return self._create("policy", "policyName", super().create_policy)

    def create_role_alias(self) -> ActionResult:
        return self._create("rolealias", "roleAlias", super().create_role_alias)

    def _create(self, kind: str, member: str, create: Callable[[], ActionResult]) -> ActionResult:
        arn = self.backend.arn(f"{kind}/{self._get_param(member)}")
        tags = self._get_param("tags") or []
        _check_number(arn, _keys(tags))
        with self.backend.lock:
            result = create()
            # One of the same name that was deleted may have left its own.
            self.backend.untag_all(arn)
            self.backend.tag(arn, tags)
        return result
