"""The message broker: publishing, subscriptions, retained messages, shadows."""
