"""Topic rules as the API sees them; the broker runs them on messages."""
