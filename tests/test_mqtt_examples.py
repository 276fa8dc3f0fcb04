"""The examples in the docstrings of the MQTT package are what happens."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import moto_jitp.mqtt

MODULES = [module.name for module in pkgutil.iter_modules(moto_jitp.mqtt.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_hold(name: str) -> None:
    module = importlib.import_module(f"moto_jitp.mqtt.{name}")

    assert doctest.testmod(module).failed == 0
