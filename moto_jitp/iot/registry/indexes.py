"""moto's own dictionaries, with indexes beside them.

moto finds an attachment, or a CA's devices, by walking a whole dictionary, so that the cost of one
device grows with the fleet. These classes are dictionaries like those that they replace (moto's
code still reads and writes them) and keep an index up to date with every change.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from moto.iot.models import (
    FakeBillingGroup,
    FakeCaCertificate,
    FakeCertificate,
    FakeThing,
    FakeThingGroup,
)

from moto_jitp.ordered_tables import ListedKeys, ListedTable, Orders
from moto_jitp.pki import PresentedCertificate

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")

_Trait = tuple[str, ...]
"""What things have in common: ``named``, ``of type`` or ``has``, and the value."""

# Never reused, so that a number belongs to a single change.
_changes = itertools.count(1)


class PairTable(dict[tuple[str, str], ValueT]):
    """A dictionary with pairs as keys that also finds every pair by either half."""

    def __init__(self, items: dict[tuple[str, str], ValueT] | None = None) -> None:
        super().__init__()
        self._changed: dict[str, int] = {}
        self._by_first: Orders[str, str] = Orders()
        self._by_second: Orders[str, str] = Orders()
        for key, value in (items or {}).items():
            self[key] = value

    # Both answer with copies: moto reads these without a lock while other threads write.

    def seconds_of(self, first: str) -> tuple[str, ...]:
        """The second halves paired with this first half, in the order in which they were added."""
        return self._by_first.of(first)

    def firsts_of(self, second: str) -> tuple[str, ...]:
        """The first halves paired with this second half, in the order in which they were added."""
        return self._by_second.of(second)

    def last_change_of(self, first: str) -> int:
        """The number of the last change to the pairs with this first half; 0 if there was none."""
        return self._changed.get(first, 0)

    def seconds_after(
        self, first: str, number: int | None = None, *, ascending: bool = True
    ) -> Iterator[tuple[int, str]]:
        """Walk the second halves from a place; see :meth:`.Order.after`."""
        return self._by_first.after(first, number, ascending=ascending)

    def firsts_after(
        self, second: str, number: int | None = None, *, ascending: bool = True
    ) -> Iterator[tuple[int, str]]:
        """Walk the first halves from a place; see :meth:`.Order.after`."""
        return self._by_second.after(second, number, ascending=ascending)

    def __setitem__(self, key: tuple[str, str], value: ValueT) -> None:
        first, second = key
        dict.__setitem__(self, key, value)
        self._by_first.add(first, second)
        self._by_second.add(second, first)
        self._changed[first] = next(_changes)

    def __delitem__(self, key: tuple[str, str]) -> None:
        super().__delitem__(key)
        first, second = key
        self._by_first.discard(first, second)
        self._by_second.discard(second, first)
        if first in self._by_first:
            self._changed[first] = next(_changes)
        else:
            self._changed.pop(first, None)

    def pop(self, key: tuple[str, str], *default: Any) -> Any:
        if key not in self:
            return super().pop(key, *default)
        value = self[key]
        del self[key]
        return value

    def clear(self) -> None:
        super().clear()
        self._by_first.clear()
        self._by_second.clear()
        self._changed.clear()


class CertificateTable(ListedTable[str, FakeCertificate]):
    """Device certificates by id, by the CA that issued them, and by the id of their DER bytes.

    The last differs from the first only for certificates that plain moto registered, whose id it
    takes from the PEM text.
    """

    def __init__(self, items: dict[str, FakeCertificate] | None = None) -> None:
        self._by_ca: Orders[str, str] = Orders()
        self._by_der: dict[str, str] = {}
        super().__init__(items)

    def of_ca(self, ca_certificate_id: str) -> list[FakeCertificate]:
        """The certificates of one CA, oldest first."""
        return [self[key] for key in self._by_ca.of(ca_certificate_id) if key in self]

    def of_ca_after(
        self, ca_certificate_id: str, number: int | None = None, *, ascending: bool = True
    ) -> Iterator[tuple[int, FakeCertificate]]:
        """Walk the certificates of one CA from a place; see :meth:`.Order.after`."""
        keys = self._by_ca.after(ca_certificate_id, number, ascending=ascending)
        return ((at, self[key]) for at, key in keys if key in self)

    def presented_as(self, der_id: str) -> FakeCertificate | None:
        """The certificate whose DER bytes have this SHA-256, whatever its id here."""
        return self.get(self._by_der.get(der_id, der_id))

    def __setitem__(self, key: str, value: FakeCertificate) -> None:
        super().__setitem__(key, value)
        if value.ca_certificate_id:
            self._by_ca.add(value.ca_certificate_id, key)
        der_id = getattr(value, "der_id", None)
        if der_id is not None and der_id != key:
            self._by_der[der_id] = key

    def __delitem__(self, key: str) -> None:
        value = self[key]
        super().__delitem__(key)
        if value.ca_certificate_id:
            self._by_ca.discard(value.ca_certificate_id, key)
        self._by_der.pop(getattr(value, "der_id", ""), None)


class CaTable(ListedTable[str, FakeCaCertificate]):
    """CA certificates by id, by subject and key, and by the id of their DER bytes.

    The last differs from the first only for a CA that plain moto registered.
    """

    def __init__(self, items: dict[str, FakeCaCertificate] | None = None) -> None:
        self._by_subject: dict[bytes, dict[str, None]] = {}
        self._by_key: dict[bytes, dict[bytes, dict[str, None]]] = {}
        self._by_key_id: dict[tuple[bytes, bytes | None], dict[bytes, None]] = {}
        self._by_der: dict[str, str] = {}
        super().__init__(items)

    def with_subject(self, subject_key: bytes) -> list[FakeCaCertificate]:
        """The CAs with this subject (as DER), oldest first."""
        return self._all(self._by_subject.get(subject_key, {}))

    def by_key(
        self, subject_key: bytes, likely: Callable[[], bytes | None]
    ) -> Iterator[list[FakeCaCertificate]]:
        """Walk the CAs with a subject, grouped by key, the oldest of a key first.

        Args:
            subject_key: the subject, as DER.
            likely: called, if there are several keys, for the identifier of the one to begin with;
                ``None`` for no identifier.
        """
        keys = self._by_key.get(subject_key, {})
        order = tuple(keys)
        if len(order) > 1:
            first = tuple(self._by_key_id.get((subject_key, likely()), ()))
            order = tuple(dict.fromkeys((*first, *order)))
        return filter(None, [self._all(keys.get(key, {})) for key in order])

    def has_subject(self, subject_key: bytes) -> bool:
        """Whether there is a CA with this subject (as DER)."""
        return bool(self._by_subject.get(subject_key))

    def _all(self, ids: dict[str, None]) -> list[FakeCaCertificate]:
        return list(filter(None, map(self.get, tuple(ids))))

    def presented_as(self, der_id: str) -> FakeCaCertificate | None:
        """The CA whose DER bytes have this SHA-256, whatever its id here."""
        return self.get(self._by_der.get(der_id, der_id))

    def __setitem__(self, key: str, value: FakeCaCertificate) -> None:
        super().__setitem__(key, value)
        presented = _presented(value)
        if presented is None:
            return
        subject, public_key = presented.subject_key, presented.public_key_der
        self._by_subject.setdefault(subject, {})[key] = None
        self._by_key.setdefault(subject, {}).setdefault(public_key, {})[key] = None
        issuer_keys = subject, presented.subject_key_identifier
        self._by_key_id.setdefault(issuer_keys, {})[public_key] = None
        if presented.certificate_id != key:
            self._by_der[presented.certificate_id] = key

    def __delitem__(self, key: str) -> None:
        value = self[key]
        super().__delitem__(key)
        presented = _presented(value)
        if presented is None:
            return
        subject, public_key = presented.subject_key, presented.public_key_der
        self._by_subject[subject].pop(key, None)
        same_key = self._by_key[subject][public_key]
        same_key.pop(key, None)
        if not same_key:
            # Its identifiers remain: they only say where to look first.
            del self._by_key[subject][public_key]
        self._by_der.pop(presented.certificate_id, None)


def _presented(ca: FakeCaCertificate) -> PresentedCertificate | None:
    """Return a CA's certificate, parsed; ``None`` if plain moto accepted some other text."""
    return getattr(ca, "presented", None)


MembershipObserver = Callable[[str, FakeThingGroup, FakeThing], object]


class _Members(ListedTable[str, FakeThing]):
    """The things of one thing group by ARN, each also in the index of all groups."""

    def __init__(self, group: FakeThingGroup, groups: ThingGroupTable, things: Any) -> None:
        self._group = group
        self._groups = groups
        self._is_filled = False
        super().__init__(things)
        self._is_filled = True

    def __setitem__(self, key: str, value: FakeThing) -> None:
        is_new = self._is_filled and key not in self
        super().__setitem__(key, value)
        self._groups.by_thing.setdefault(key, {})[self._group.arn] = self._group
        if is_new:
            self._tell("ADDED", value)

    def __delitem__(self, key: str) -> None:
        thing = self[key]
        super().__delitem__(key)
        of_thing = self._groups.by_thing.get(key, {})
        of_thing.pop(self._group.arn, None)
        if not of_thing:
            self._groups.by_thing.pop(key, None)
        self._tell("REMOVED", thing)

    def _tell(self, happened: str, thing: FakeThing) -> None:
        for observe in self._groups.observers:
            observe(happened, self._group, thing)


class ThingTable(ListedTable[str, FakeThing]):
    """Things by ARN, by name regardless of case, by type and by attribute.

    Code that changes a thing's type or attributes calls :meth:`note`.
    """

    def __init__(self, items: dict[str, FakeThing] | None = None) -> None:
        self._changed: dict[str, int] = {}
        # Few tests search or filter, so the index is made at first use.
        self._by_trait: Orders[_Trait, str] | None = None
        self._traits: dict[str, set[_Trait]] = {}
        super().__init__(items)

    def note(self, thing: FakeThing) -> None:
        """Index a thing by its current values."""
        self._changed[thing.arn] = next(_changes)
        if self._by_trait is not None:
            self._set_traits(thing.arn, set(_traits_of(thing)))

    def last_change_of(self, arn: str) -> int:
        """The number of the last change of a thing; 0 if there is none with this ARN."""
        return self._changed.get(arn, 0)

    def named(self, lower_case_name: str) -> list[FakeThing]:
        """The things with a name, given in lower case, oldest first."""
        return [thing for _, thing in self._with(("named", lower_case_name), None)]

    def of_type(self, name: str, number: int | None = None) -> Iterator[tuple[int, FakeThing]]:
        """Walk the things of a type; see :meth:`ListedTable.after`."""
        return self._with(("of type", name), number)

    def with_attribute(
        self, name: str, value: str | None = None, number: int | None = None
    ) -> Iterator[tuple[int, FakeThing]]:
        """Walk the things that have an attribute, with a given value if not ``None``."""
        trait = ("has", name) if value is None else ("has", name, value)
        return self._with(trait, number)

    def _with(self, trait: _Trait, number: int | None) -> Iterator[tuple[int, FakeThing]]:
        if self._by_trait is None:
            self._by_trait = Orders()
            for thing in tuple(self.values()):
                self._set_traits(thing.arn, set(_traits_of(thing)))
        for at, key in self._by_trait.after(trait, number):
            indexed_things = self.get(key)
            if indexed_things is not None:
                yield at, indexed_things

    def _set_traits(self, key: str, traits: set[_Trait]) -> None:
        assert self._by_trait is not None
        before = self._traits.pop(key, set())
        for trait in before - traits:
            self._by_trait.discard(trait, key)
        for trait in traits - before:
            self._by_trait.add(trait, key)
        if traits:
            self._traits[key] = traits

    def __setitem__(self, key: str, value: FakeThing) -> None:
        super().__setitem__(key, value)
        self.note(value)

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self._changed.pop(key, None)
        if self._by_trait is not None:
            self._set_traits(key, set())


def _traits_of(thing: FakeThing) -> Iterator[_Trait]:
    yield "named", thing.thing_name.casefold()
    if thing.thing_type is not None:
        yield "of type", thing.thing_type.thing_type_name
    for name, value in thing.attributes.items():
        yield "has", name
        yield "has", name, value


class ThingGroupTable(ListedTable[str, FakeThingGroup]):
    """Thing groups by ARN, by their things, and by the group above them.

    The things of each can be listed page by page.

    Args:
        items: the existing ones.
        observers: each is called with ``ADDED`` or ``REMOVED``, a group and a thing, at every
            change of membership.

    Attributes:
        by_thing: by the ARN of a thing, the groups that it is in, by their ARNs.
    """

    def __init__(
        self,
        items: dict[str, FakeThingGroup] | None = None,
        observers: Sequence[MembershipObserver] = (),
    ) -> None:
        self.observers = observers
        self.by_thing: dict[str, dict[str, FakeThingGroup]] = {}
        self._by_parent: Orders[str, str] = Orders()
        super().__init__(items)

    def of_thing(self, thing_arn: str) -> list[FakeThingGroup]:
        """The groups that a thing is directly in, oldest first."""
        groups = list(self.by_thing.get(thing_arn, {}).values())
        if len(groups) > 1:
            groups.sort(key=lambda group: self.order.get(group.arn, 0))
        return groups

    def children_of(self, group_name: str) -> list[FakeThingGroup]:
        """The groups directly below a group, oldest first."""
        return [self[key] for key in self._by_parent.of(group_name) if key in self]

    def descendants_of(self, group_name: str) -> Iterator[FakeThingGroup]:
        """Yield the groups on all levels below a group."""
        for child in self.children_of(group_name):
            yield child
            yield from self.descendants_of(child.thing_group_name)

    def __setitem__(self, key: str, value: FakeThingGroup) -> None:
        value.things = _Members(value, self, value.things)
        if value.parent_group_name:
            self._by_parent.add(value.parent_group_name, key)
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        group = self[key]
        super().__delitem__(key)
        group.things.clear()
        if group.parent_group_name:
            self._by_parent.discard(group.parent_group_name, key)


class BillingGroupTable(ListedTable[str, FakeBillingGroup]):
    """Billing groups by ARN; the things of each can be listed page by page."""

    def __setitem__(self, key: str, value: FakeBillingGroup) -> None:
        if not isinstance(value.things, ListedKeys):
            # moto only uses what lists have, too: in, append, remove and iteration.
            value.things = ListedKeys(value.things)  # type: ignore[assignment]
        super().__setitem__(key, value)
