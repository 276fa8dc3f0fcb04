"""Tags of IoT resources: TagResource, UntagResource, ListTagsForResource."""

from __future__ import annotations

from moto.core.responses import ActionResult, EmptyResult
from moto.utilities.tagging_service import TaggingService

from .actions import IoTActions
from .endpoints import Endpoints
from .exceptions import InvalidRequest, ResourceNotFound

MAX_TAGS = 50


class Tags(Endpoints):
    """The part of the backend that keeps tags, by ARN."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self._tags = TaggingService()

    def tag(self, arn: str, tags: list[dict[str, str]] | None) -> None:
        """Put tags on a resource that is known to exist.

        Raises:
            InvalidRequest: the resource would have more than 50.
        """
        if not tags:
            return
        keys = {*self._tags.get_tag_dict_for_resource(arn), *(tag["Key"] for tag in tags)}
        if len(keys) > MAX_TAGS:
            raise InvalidRequest(
                f"A resource can have at most {MAX_TAGS} tags; {arn} would have {len(keys)}."
            )
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
        if arn not in self.taggable_arns():
            raise ResourceNotFound(
                f"No resource with the ARN {arn} exists in account {self.account_id}, Region "
                f"{self.region_name}."
            )

    def taggable_arns(self) -> set[str]:
        """The ARNs of the resources that can carry tags."""
        arns = {*self.thing_types, *self.thing_groups}
        for kind in (self.billing_groups, self.policies, self.role_aliases):
            arns.update(resource.arn for resource in kind.values())
        return arns


class TagsActions(IoTActions):
    """The API actions on tags."""

    @property
    def backend(self) -> Tags:
        return self.any_backend()  # type: ignore[no-any-return]

    def tag_resource(self) -> ActionResult:
        given = self.input()
        self.backend.check_taggable(given["resourceArn"])
        self.backend.tag(given["resourceArn"], given["tags"])
        return EmptyResult()

    def untag_resource(self) -> ActionResult:
        given = self.input()
        self.backend.check_taggable(given["resourceArn"])
        self.backend.untag(given["resourceArn"], given["tagKeys"])
        return EmptyResult()

    def list_tags_for_resource(self) -> ActionResult:
        arn = self.input()["resourceArn"]
        self.backend.check_taggable(arn)
        return ActionResult({"tags": self.backend.tags_of(arn)})
