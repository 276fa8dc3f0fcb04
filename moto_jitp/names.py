"""The known name that a misspelt one was meant to be, for every "Did you mean" of the package."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

# Names less alike than this are not typing errors: "Publish" has nothing to do with "ListThings",
# nor has "StringMatches" with "StringEquals".
_ALIKE = 0.68


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is nearest to a wrong one.

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
    """Return the question whether the nearest known name was meant.

    Args:
        name: the wrong name.
        known: the names that exist.
        after: a sentence to put before the question.
        shown: how to show a name in the text, such as :func:`repr` to quote it.

    Returns:
        ``Did you mean X?`` after that sentence; the sentence alone where no known name is near.
    """
    near = nearest(name, known)
    return after if near is None else f"{after} {question(near, shown)}".lstrip()


def checked_keywords(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function suggest the right name for an unknown keyword.

    Args:
        function: a function that takes only the keywords of its signature.

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
    """Refuse an unknown keyword argument, and suggest the one that was meant.

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


def question(name: str, shown: Callable[[str], str] = str) -> str:
    """Return the question whether a name was meant, for a name found in another way.

    Args:
        name: the name.
        shown: see :func:`did_you_mean`.
    """
    return f"Did you mean {shown(name)}?"


def are_alike(first: str, second: str) -> bool:
    """Whether one name may be a misspelling of the other, by the measure of :func:`nearest`."""
    return nearest(first, [second]) is not None


def _key(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()
