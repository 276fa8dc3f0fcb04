"""The provisioning run: a template executed for one device, whatever sets it off."""
