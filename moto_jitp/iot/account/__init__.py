"""What an account and Region have one of: endpoints and logging options."""
