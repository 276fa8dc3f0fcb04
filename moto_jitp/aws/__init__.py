"""What we need of moto's other services: IAM roles and statements."""
