"""Device certificates, CA certificates and their rules."""
