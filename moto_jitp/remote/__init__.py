"""Speaks to a server that has just-in-time provisioning, under moto's ``TEST_SERVER_MODE``."""
