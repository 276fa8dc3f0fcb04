"""The moto service: state, API and the provisioning run."""
