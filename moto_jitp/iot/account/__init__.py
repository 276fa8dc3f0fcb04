"""Settings of an account and Region: endpoints, domain configurations and logging options."""
