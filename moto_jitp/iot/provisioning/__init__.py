"""The provisioning run: a template executed for one device, whoever asks for it."""
