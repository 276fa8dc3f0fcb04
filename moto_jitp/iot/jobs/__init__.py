"""Jobs, as devices see them."""
