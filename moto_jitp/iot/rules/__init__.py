"""Topic rules as the API knows them; what they do with messages is the broker's affair."""
