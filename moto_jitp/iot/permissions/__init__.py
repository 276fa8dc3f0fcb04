"""IoT policies and what they allow; what a provisioning role must allow."""
