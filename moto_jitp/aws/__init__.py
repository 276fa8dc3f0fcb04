"""What we need of moto itself, and of its other services: IAM roles and statements."""
