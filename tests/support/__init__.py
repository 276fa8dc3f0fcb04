"""Shared helpers of tests: the cloud side, devices, servers, endpoint clients, inputs, patience."""
