"""Pages go on where they ended, whatever is added and removed between them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from moto_jitp.ordered_tables import Orders

_KEYS, _ENTRIES = ("bulbs", "lamps"), ("a", "b", "c")
_changes = st.lists(
    st.tuples(st.booleans(), st.sampled_from(_KEYS), st.sampled_from(_ENTRIES)), max_size=20
)


@given(before=_changes, after=_changes, ascending=st.booleans())
def test_a_walk_goes_on_behind_the_entry_at_which_it_ended(before, after, ascending):
    orders: Orders[str, str] = Orders()
    model: dict[str, dict[str, int]] = {key: {} for key in _KEYS}
    ages = iter(range(1_000))

    def change(changes):
        for adds, key, entry in changes:
            if adds:
                orders.add(key, entry)
                model[key].setdefault(entry, next(ages))
            else:
                orders.discard(key, entry)
                model[key].pop(entry, None)

    def expected(key, beyond=None):
        entries = sorted(model[key].items(), key=lambda item: item[1], reverse=not ascending)
        is_beyond = (lambda age: age > beyond) if ascending else (lambda age: age < beyond)
        return [entry for entry, age in entries if beyond is None or is_beyond(age)]

    change(before)
    ends = {}
    for key in _KEYS:
        assert list(orders.of(key)) == list(model[key])
        assert (key in orders) is bool(model[key])
        assert [entry for _, entry in orders.after(key, ascending=ascending)] == expected(key)
        for number, entry in orders.after(key, ascending=ascending):
            ends[key] = number, model[key][entry]
            break
    change(after)
    for key, (number, age) in ends.items():
        walked = orders.after(key, number, ascending=ascending)
        assert [entry for _, entry in walked] == expected(key, age)
