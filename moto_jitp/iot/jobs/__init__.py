"""Jobs, their listings, and the API through which devices see them."""
