"""Fleet provisioning over a device's connection, with pre-provisioning hooks."""
