"""What all tests of a process share, since making it again takes most of a short test's time."""

from __future__ import annotations

import functools
import itertools
from types import ModuleType
from typing import Any

import botocore.loaders
import botocore.session
import freezegun.api
import moto.core.models
from cryptography.hazmat.primitives.asymmetric import rsa

#: So many keys are made; two that are as far apart are the same.
KEYS = 16

_generate = rsa.generate_private_key
_keys: list[rsa.RSAPrivateKey] = []
_turns = itertools.count()


def share_between_tests() -> None:
    """Share botocore's parsed models and moto's 1,300 routes, and let RSA keys come round again."""
    # Of a session that a test makes. Those of mock_jitp share them in any case.
    setattr(botocore.session, "create_loader", functools.cache(botocore.loaders.create_loader))  # noqa: B010
    # Each block of moto's makes them anew, which takes half of its start.
    routes = functools.cache(moto.core.models.CallbackResponse)
    setattr(moto.core.models, "CallbackResponse", routes)  # noqa: B010
    rsa.generate_private_key = key_in_turn
    setattr(freezegun.api, "_get_module_attributes_hash", _size_of)  # noqa: B010


def _size_of(module: ModuleType) -> str:
    """What tells freezegun that a module has other names than before.

    It sorts the names of all 2,000 modules of the process each time that the clock is stopped.
    """
    return f"{id(module)}-{len(module.__dict__)}"


def key_in_turn(public_exponent: int, key_size: int, backend: Any = None) -> rsa.RSAPrivateKey:
    """An RSA key of the last sixteen of 2048 bit, which take long to find; others are new."""
    if (public_exponent, key_size) != (65537, 2048):
        return _generate(public_exponent, key_size, backend)
    if len(_keys) < KEYS:
        _keys.append(_generate(public_exponent, key_size, backend))
        return _keys[-1]
    return _keys[next(_turns) % KEYS]
