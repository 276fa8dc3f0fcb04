"""Tags of IoT resources: TagResource, UntagResource, ListTagsForResource."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

from moto.utilities.tagging_service import TaggingService

from moto_jitp import settings
from moto_jitp.iot.api.operations import (
    Input,
    Output,
    operation,
)
from moto_jitp.iot.api.paging import Page
from moto_jitp.iot.exceptions import InvalidRequest, LimitExceeded, ResourceNotFound

from .registry import Registry

MAX_TAGS = 50

ResultT = TypeVar("ResultT")


class Tags:
    """Keeps tags, by ARN.

    Args:
        registry: the account's and Region's tables.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._tags = TaggingService()
        moto = registry.moto
        self._kinds: dict[str, Callable[[str], object]] = {
            "thingtype": registry.find_thing_type,
            "thinggroup": registry.find_thing_group,
            # moto's tables may be replaced by indexed ones.
            "billinggroup": lambda name: moto.billing_groups.get(name),
            "policy": lambda name: moto.policies.get(name),
            "rolealias": lambda name: moto.role_aliases.get(name),
            "job": lambda name: moto.jobs.get(name),
            "jobtemplate": lambda name: moto.jobs_templates.get(name),
        }

    def add_kind(self, kind: str, find: Callable[[str], object]) -> None:
        """Let one more kind of resource have tags.

        Args:
            kind: its name in ARNs, such as ``cacert``.
            find: returns the resource with a name, the part of the ARN after the kind; ``None`` if
                there is none.
        """
        self._kinds[kind] = find

    def tag(self, arn: str, tags: list[dict[str, str]] | None) -> None:
        """Tag a resource that is known to exist.

        Raises:
            InvalidRequest: a key or a value is reserved for AWS.
            LimitExceeded: the resource would have more than 50.
        """
        if not tags:
            return
        check_tags(tags)
        _check_number(arn, {*self._tags.get_tag_dict_for_resource(arn), *_keys(tags)})
        self._tags.tag_resource(arn, [{"Value": "", **tag} for tag in tags])

    def create_with(
        self, arn: str, tags: list[dict[str, str]] | None, create: Callable[[], ResultT]
    ) -> ResultT:
        """Create a resource with its tags, or neither; an existing one keeps its own tags.

        Args:
            arn: the ARN that the resource will have.
            tags: its tags.
            create: creates it.

        Raises:
            InvalidRequest: a key or a value is reserved for AWS.
            LimitExceeded: it would have more than 50 tags.
        """
        check_tags(tags)
        _check_number(arn, _keys(tags or []))
        with self.registry.lock:
            existed = self._exists(arn)
            result = create()
            if not existed:
                # A deleted resource of the same name may have left its own.
                self.untag_all(arn)
                self.tag(arn, tags)
        return result

    def untag(self, arn: str, keys: list[str]) -> None:
        """Remove tags from a resource, ignoring keys that it does not have."""
        self._tags.untag_resource_using_names(arn, keys)

    def untag_all(self, arn: str) -> None:
        """Delete the tags of a deleted resource."""
        self._tags.delete_all_tags_for_resource(arn)

    def tags_of(self, arn: str) -> list[dict[str, str]]:
        """Return the tags of a resource, as ``Key`` and ``Value``."""
        return self._tags.list_tags_for_resource(arn)["Tags"]

    def check_taggable(self, arn: str) -> None:
        """Refuse an ARN that does not name a resource of this account and Region.

        Raises:
            ResourceNotFound: there is no such resource.
        """
        if not self._exists(arn):
            registry = self.registry
            raise ResourceNotFound(
                f"No resource with the ARN {arn} that can have tags exists in account "
                f"{registry.account_id}, Region {registry.region_name}."
            )

    def _exists(self, arn: str) -> bool:
        registry = self.registry
        kind, _, name = arn.removeprefix(registry.arn("")).partition("/")
        find = self._kinds.get(kind)
        return find is not None and arn == registry.arn(f"{kind}/{name}") and find(name) is not None


def check_tags(tags: list[dict[str, str]] | None) -> None:
    """Refuse tags whose key or value is reserved for AWS itself (own wording).

    https://docs.aws.amazon.com/iot/latest/developerguide/tagging-iot.html

    Args:
        tags: ``Key`` and ``Value`` pairs.

    Raises:
        InvalidRequest: a key or a value begins with ``aws:``, and ``strict`` is on.
    """
    if not settings.current().strict:
        return
    for tag in tags or ():
        for text in (tag["Key"], tag.get("Value", "")):
            if text.lower().startswith("aws:"):
                raise InvalidRequest(
                    "A tag's key and value cannot begin with 'aws:', which AWS reserves; found "
                    f"{text!r}."
                )


def _keys(tags: list[dict[str, str]]) -> set[str]:
    return {tag["Key"] for tag in tags}


def _check_number(arn: str, keys: Collection[str]) -> None:
    if len(keys) > MAX_TAGS:
        raise LimitExceeded(
            f"A resource can have at most {MAX_TAGS} tags; {arn} would have {len(keys)}."
        )


@operation("TagResource", Tags)
def tag_resource(tags: Tags, arguments: Input) -> None:
    with tags.registry.lock:
        tags.check_taggable(arguments["resourceArn"])
        tags.tag(arguments["resourceArn"], arguments["tags"])


@operation("UntagResource", Tags)
def untag_resource(tags: Tags, arguments: Input) -> None:
    with tags.registry.lock:
        tags.check_taggable(arguments["resourceArn"])
        tags.untag(arguments["resourceArn"], arguments["tagKeys"])


@operation("ListTagsForResource", Tags)
def list_tags_for_resource(tags: Tags, arguments: Input) -> Output:
    page = Page("ListTagsForResource", arguments, default_size=None)
    with tags.registry.lock:
        tags.check_taggable(arguments["resourceArn"])
        return page.output("tags", tags.tags_of(arguments["resourceArn"]))
