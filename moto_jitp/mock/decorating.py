"""Runs functions and the methods of test classes inside a block, as ``mock_aws`` decorates them.

moto wraps all functions alike, so its mock around a coroutine or a generator has ended before the
body runs. Here each kind of function gets a wrapper of the same kind, in which the block lasts as
long as the body.
"""

from __future__ import annotations

import functools
import inspect
import unittest
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import AbstractContextManager
from types import FunctionType
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])
Block = Callable[[], AbstractContextManager[Any]]
#: Called with the class's member and moto's parameters ``reset`` and ``remove_data``.
Decorate = Callable[[Any, bool, bool], Any]

#: The methods that prepare a test, in the order in which test runners call them.
_SETUP_METHODS = ("setUp", "asyncSetUp", "setup_method")
#: Called by pytest with the test method, if they accept it.
_PYTEST_METHODS = ("setup_method", "teardown_method")
_RUNNERS_CLASSES = (object, unittest.TestCase, unittest.IsolatedAsyncioTestCase)


def decorate_callable(func: Any, block: Block) -> Any:
    """Wrap a function of any kind so that its body runs inside a block.

    Args:
        func: a function, coroutine function, generator function or asynchronous generator
            function, or a ``staticmethod`` or ``classmethod`` of one.
        block: makes the context manager for one call.

    Returns:
        A function of the same kind, with the same signature, name and attributes.

    Raises:
        TypeError: it cannot be called, or is already a pytest fixture.
    """
    if isinstance(func, (staticmethod, classmethod)):
        return type(func)(decorate_callable(func.__func__, block))
    if type(func).__name__ == "FixtureFunctionDefinition":
        raise TypeError(
            "This is already a pytest fixture, so its body can no longer be wrapped. "
            "Put @mock_jitp below @pytest.fixture."
        )
    if not callable(func):
        raise TypeError(
            f"mock_jitp decorates functions and classes, not {type(func).__name__}. "
            "Pass a configuration by keyword: mock_jitp(config={...})."
        )
    if inspect.iscoroutinefunction(func):
        return _around_coroutine(func, block)
    if inspect.isasyncgenfunction(func):
        return _around_async_generator(func, block)
    if inspect.isgeneratorfunction(func):
        return _around_generator(func, block)
    return _around_function(func, block)


def _around_function(func: F, block: Block) -> Callable[..., Any]:
    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with block():
            return func(*args, **kwargs)

    return wrapper


def _around_coroutine(func: F, block: Block) -> Callable[..., Any]:
    @functools.wraps(func)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        with block():
            return await func(*args, **kwargs)

    return wrapper


def _around_generator(func: F, block: Block) -> Callable[..., Any]:
    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        with block():
            return (yield from func(*args, **kwargs))

    return wrapper


def _around_async_generator(func: F, block: Block) -> Callable[..., Any]:
    @functools.wraps(func)
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        with block():
            generator = func(*args, **kwargs)
            try:
                step = generator.__anext__()
                while True:
                    try:
                        value = await step
                    except StopAsyncIteration:
                        return
                    # There is no "yield from" here: pass on what the caller sends or throws.
                    try:
                        step = generator.asend((yield value))
                    except GeneratorExit:
                        raise
                    except BaseException as error:
                        step = generator.athrow(error)
            finally:
                await generator.aclose()

    return wrapper


def decorate_class(klass: type, decorate: Decorate) -> None:
    """Decorate the methods of a test class in place, by moto's rules.

    It decorates its own public functions, but not class methods and static methods, and its nested
    classes; not what it inherits. If the class or a base class has a ``setUp``, ``asyncSetUp`` or
    ``setup_method``, that starts with clean state and the test finds what it made; otherwise each
    test starts and ends clean.

    Args:
        klass: the class.
        decorate: decorates one member.
    """
    setup_methods = [name for name in _SETUP_METHODS if _has_setup(klass, name)]
    for name, member in list(vars(klass).items()):
        if name.startswith("_"):
            continue
        if inspect.isclass(member):
            # Not a class that is only referred to, as in "error = SomeLibrary.Error".
            if member.__qualname__ == f"{klass.__qualname__}.{name}":
                decorate(member, True, True)
        elif isinstance(member, FunctionType):
            is_test = name.startswith(unittest.TestLoader.testMethodPrefix)
            reset = name == setup_methods[0] if setup_methods else is_test
            remove_data = not setup_methods and is_test
            if name in _PYTEST_METHODS and len(inspect.signature(member).parameters) == 1:
                member = _without_argument(member)
            setattr(klass, name, decorate(member, reset, remove_data))


def _without_argument(method: F) -> Callable[..., Any]:
    """Drop the test method that pytest passes without seeing that it is not expected.

    pytest looks at the code of the function, not at its signature, and a wrapper's code takes
    anything.
    """

    @functools.wraps(method)
    def wrapper(self: Any, *_: Any) -> Any:
        return method(self)

    return wrapper


def _has_setup(klass: type, name: str) -> bool:
    if name != "setup_method" and not issubclass(klass, unittest.TestCase):
        return False
    return any(
        name in _functions_of(base) for base in klass.__mro__ if base not in _RUNNERS_CLASSES
    )


def _functions_of(klass: type) -> Iterator[str]:
    for name, member in vars(klass).items():
        if isinstance(member, (FunctionType, classmethod, staticmethod)):
            yield name
