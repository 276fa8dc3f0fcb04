"""moto's own dictionaries, with indexes beside them.

moto finds an attachment, or a CA's devices, by walking a whole dictionary, which makes the cost of
one device grow with the fleet. These classes are dictionaries like those that they replace (moto's
code goes on reading and writing them) and keep an index up to date with every change.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from moto.iot.models import FakeCaCertificate, FakeCertificate

ValueT = TypeVar("ValueT")


class PairTable(dict[tuple[str, str], ValueT]):
    """A dictionary over pairs that also finds every pair by either half."""

    def __init__(self, items: dict[tuple[str, str], ValueT] | None = None) -> None:
        super().__init__()
        self._by_first: dict[str, dict[str, None]] = {}
        self._by_second: dict[str, dict[str, None]] = {}
        for key, value in (items or {}).items():
            self[key] = value

    # Both answer with copies: moto reads these without a lock while other threads write.

    def seconds_of(self, first: str) -> tuple[str, ...]:
        """The second halves that stand with this first half, in the order they were added."""
        return tuple(self._by_first.get(first, ()))

    def firsts_of(self, second: str) -> tuple[str, ...]:
        """The first halves that stand with this second half, in the order they were added."""
        return tuple(self._by_second.get(second, ()))

    def __setitem__(self, key: tuple[str, str], value: ValueT) -> None:
        first, second = key
        super().__setitem__(key, value)
        self._by_first.setdefault(first, {})[second] = None
        self._by_second.setdefault(second, {})[first] = None

    def __delitem__(self, key: tuple[str, str]) -> None:
        super().__delitem__(key)
        first, second = key
        _discard(self._by_first, first, second)
        _discard(self._by_second, second, first)

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


def _discard(index: dict[str, dict[str, None]], key: str, entry: str) -> None:
    entries = index.get(key)
    if entries is not None:
        entries.pop(entry, None)
        if not entries:
            del index[key]


class CertificateTable(dict[str, FakeCertificate]):
    """Device certificates by id, by the CA that they came from, and by the id of their DER bytes.

    The last differs from the first only for certificates that plain moto registered, whose id it
    takes from the PEM text.
    """

    def __init__(self, items: dict[str, FakeCertificate] | None = None) -> None:
        super().__init__()
        self._by_ca: dict[str, dict[str, None]] = {}
        self._by_der: dict[str, str] = {}
        for key, value in (items or {}).items():
            self[key] = value

    def of_ca(self, ca_certificate_id: str) -> list[FakeCertificate]:
        """The certificates of one CA, oldest first."""
        keys = tuple(self._by_ca.get(ca_certificate_id, ()))
        return [self[key] for key in keys if key in self]

    def presented_as(self, der_id: str) -> FakeCertificate | None:
        """The certificate whose DER bytes have this SHA-256, whatever its id here."""
        return self.get(self._by_der.get(der_id, der_id))

    def __setitem__(self, key: str, value: FakeCertificate) -> None:
        super().__setitem__(key, value)
        if value.ca_certificate_id:
            self._by_ca.setdefault(value.ca_certificate_id, {})[key] = None
        der_id = getattr(value, "der_id", None)
        if der_id is not None and der_id != key:
            self._by_der[der_id] = key

    def __delitem__(self, key: str) -> None:
        value = self[key]
        super().__delitem__(key)
        if value.ca_certificate_id:
            _discard(self._by_ca, value.ca_certificate_id, key)
        self._by_der.pop(getattr(value, "der_id", ""), None)

    def pop(self, key: str, *default: Any) -> Any:
        if key not in self:
            return super().pop(key, *default)
        value = self[key]
        del self[key]
        return value


class CaTable(dict[str, FakeCaCertificate]):
    """CA certificates by id and by subject."""

    def __init__(self, items: dict[str, FakeCaCertificate] | None = None) -> None:
        super().__init__()
        self._by_subject: dict[bytes, dict[str, None]] = {}
        for key, value in (items or {}).items():
            self[key] = value

    def with_subject(self, subject_key: bytes) -> list[FakeCaCertificate]:
        """The CAs with this subject (as DER), oldest first."""
        keys = tuple(self._by_subject.get(subject_key, ()))
        return [self[key] for key in keys if key in self]

    def presented_as(self, subject_key: bytes, der_id: str) -> FakeCaCertificate | None:
        """The CA whose DER bytes have this SHA-256, whatever its id here.

        The two differ only for a CA that plain moto registered.
        """
        ca = self.get(der_id)
        if ca is not None:
            return ca
        same = (ca for ca in self.with_subject(subject_key) if _der_id(ca) == der_id)
        return next(same, None)

    def __setitem__(self, key: str, value: FakeCaCertificate) -> None:
        super().__setitem__(key, value)
        subject_key = getattr(value, "subject_key", None)
        if subject_key is not None:
            self._by_subject.setdefault(subject_key, {})[key] = None

    def __delitem__(self, key: str) -> None:
        value = self[key]
        super().__delitem__(key)
        entries = self._by_subject.get(getattr(value, "subject_key", b""))
        if entries is not None:
            entries.pop(key, None)

    def pop(self, key: str, *default: Any) -> Any:
        if key not in self:
            return super().pop(key, *default)
        value = self[key]
        del self[key]
        return value


def _der_id(ca: FakeCaCertificate) -> str | None:
    presented = getattr(ca, "presented", None)
    return None if presented is None else presented.certificate_id


class ArnList(list[str]):
    """A list of ARNs without repeats that knows at once whether it holds one."""

    def __init__(self, items: Iterable[str] = ()) -> None:
        super().__init__()
        self._known: set[str] = set()
        for item in items:
            self.append(item)

    def __contains__(self, item: object) -> bool:
        return item in self._known

    def append(self, item: str) -> None:
        super().append(item)
        self._known.add(item)

    def remove(self, item: str) -> None:
        super().remove(item)
        self._known.discard(item)
