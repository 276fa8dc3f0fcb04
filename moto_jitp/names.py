"""Which known name a wrong one was meant to be: what every "Did you mean" in this package says."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

# Less alike is not a slip of the pen: "Publish" has nothing to do with "ListThings", nor has
# "StringMatches" with "StringEquals".
_ALIKE = 0.68


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that a wrong one comes nearest to.

    Case, underscores and hyphens make no difference: ``register_thing`` is ``RegisterThing``.

    Args:
        name: the wrong name.
        known: the names that exist; of two that are equally near, the first counts.

    Returns:
        One of ``known``, in its spelling; ``None`` where none is near.

    Examples:
        >>> nearest("RegisterThings", ["CreateThing", "RegisterThing"])
        'RegisterThing'
    """
    by_key: dict[str, str] = {}
    for candidate in known:
        by_key.setdefault(_key(candidate), candidate)
    near = difflib.get_close_matches(_key(name), by_key, n=1, cutoff=_ALIKE)
    return by_key[near[0]] if near else None


def did_you_mean(
    name: str, known: Iterable[str], *, after: str = "", shown: Callable[[str], str] = str
) -> str:
    """Return the question that suggests the nearest known name.

    Args:
        name: the wrong name.
        known: the names that exist.
        after: a sentence that the question is put after.
        shown: how the text shows a name, such as :func:`repr` where it puts names in quotes.

    Returns:
        ``Did you mean X?`` after that sentence; the sentence alone where no known name is near.
    """
    near = nearest(name, known)
    return after if near is None else f"{after} {question(near, shown)}".lstrip()


def checked_keywords(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function suggest the right name for an unknown keyword.

    Args:
        function: one that takes no keywords but those of its signature.

    Examples:
        >>> @checked_keywords
        ... def issue(*, common_name=None): ...
        >>> issue(comon_name="a")
        Traceback (most recent call last):
        ...
        TypeError: issue() has no argument 'comon_name'. Did you mean 'common_name'? It takes \
        common_name.
    """
    parameter_names = [name for name in inspect.signature(function).parameters if name != "self"]

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        refuse_unknown_keywords(function.__name__, kwargs, parameter_names)
        return function(*args, **kwargs)

    return checked


def refuse_unknown_keywords(
    function: str, keywords: Iterable[str], parameter_names: Sequence[str]
) -> None:
    """Refuse a keyword argument that there is not, and say which one was meant.

    Args:
        function: what was called, as users call it.
        keywords: the names of the keyword arguments.
        parameter_names: the names of the arguments that it takes.

    Raises:
        TypeError: one is not known.
    """
    for name in keywords:
        if name not in parameter_names:
            unknown = f"{function}() has no argument {name!r}."
            unknown = did_you_mean(name, parameter_names, after=unknown, shown=repr)
            raise TypeError(f"{unknown} It takes {', '.join(parameter_names)}.")


def question(meant: str, shown: Callable[[str], str] = str) -> str:
    """Return the question whether a name was meant, for one that was found in another way.

    Args:
        meant: the name.
        shown: see :func:`did_you_mean`.
    """
    return f"Did you mean {shown(meant)}?"


def are_alike(one: str, other: str) -> bool:
    """Whether one name may be the other misspelt, by the measure of :func:`nearest`."""
    return nearest(one, [other]) is not None


def _key(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()
