"""Values that say what happened, and when AWS IoT acts."""
