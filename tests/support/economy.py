"""Resources that all tests of a process share, as making them takes most of a short test's time."""

from __future__ import annotations

import functools
import itertools
from types import FunctionType, ModuleType
from typing import Any

import botocore.hooks
import botocore.loaders
import botocore.session
import freezegun.api
import moto.core.models
from botocore.client import ClientCreator
from botocore.hooks import EVENT_ALIASES, EventAliaser, HierarchicalEmitter
from cryptography.hazmat.primitives.asymmetric import rsa

#: The number of keys; later ones repeat.
KEYS = 16

_generate = rsa.generate_private_key
_keys: list[rsa.RSAPrivateKey] = []
_turns = itertools.count()


def share_between_tests() -> None:
    """Share botocore's parsed models and moto's 1,300 routes, and reuse RSA keys."""
    # For a session that a test makes. Those of mock_jitp share them in any case.
    setattr(botocore.session, "create_loader", functools.cache(botocore.loaders.create_loader))  # noqa: B010
    # Each moto block makes them again, which takes half of its start.
    routes = functools.cache(moto.core.models.CallbackResponse)
    setattr(moto.core.models, "CallbackResponse", routes)  # noqa: B010
    rsa.generate_private_key = key_in_turn
    setattr(freezegun.api, "_get_module_attributes_hash", _size_of)  # noqa: B010
    _share_clients()


def _share_clients() -> None:
    """Share what botocore finds out for each session and client, though it is always the same."""
    alias, accepts = EventAliaser._alias_event_name, botocore.hooks.accepts_kwargs
    make_methods = ClientCreator._create_methods
    methods: dict[Any, dict[str, Any]] = {}

    @functools.cache
    def known_alias(event_name: str) -> Any:
        return alias(EventAliaser(HierarchicalEmitter()), event_name)

    def alias_event_name(aliaser: EventAliaser, event_name: str) -> Any:
        if aliaser._event_aliases is EVENT_ALIASES:
            return known_alias(event_name)
        return alias(aliaser, event_name)

    known_accepts = functools.cache(accepts)

    def accepts_kwargs(handler: Any) -> Any:
        # What was made inside a function or is a method of an object would be kept for ever.
        is_lasting = isinstance(handler, FunctionType) and "<" not in handler.__qualname__
        return (known_accepts if is_lasting else accepts)(handler)

    def create_methods(creator: ClientCreator, model: Any) -> dict[str, Any]:
        key = model.service_name, *model.operation_names
        if key not in methods:
            methods[key] = make_methods(creator, model)
        return dict(methods[key])

    setattr(EventAliaser, "_alias_event_name", alias_event_name)  # noqa: B010
    setattr(botocore.hooks, "accepts_kwargs", accepts_kwargs)  # noqa: B010
    setattr(ClientCreator, "_create_methods", create_methods)  # noqa: B010


def _size_of(module: ModuleType) -> str:
    """The value by which freezegun notices that a module's names have changed.

    freezegun sorts the names of all 2,000 modules at each freeze.
    """
    return f"{id(module)}-{len(module.__dict__)}"


def key_in_turn(public_exponent: int, key_size: int, backend: Any = None) -> rsa.RSAPrivateKey:
    """One of the last sixteen 2048-bit RSA keys, which are slow to make; others are new."""
    if (public_exponent, key_size) != (65537, 2048):
        return _generate(public_exponent, key_size, backend)
    if len(_keys) < KEYS:
        _keys.append(_generate(public_exponent, key_size, backend))
        return _keys[-1]
    return _keys[next(_turns) % KEYS]
