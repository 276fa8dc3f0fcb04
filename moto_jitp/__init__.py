"""Test AWS IoT just-in-time provisioning on your own machine: a plugin for moto."""

__version__ = "0.1.0"
