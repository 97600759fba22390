"""Durable on return. `posix` is a local disk; other backends come with their first user."""
