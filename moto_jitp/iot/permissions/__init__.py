"""IoT policies and what they allow, and what a provisioning role must allow."""
