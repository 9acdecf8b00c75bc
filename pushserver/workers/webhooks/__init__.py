"""Webhooks: what takes events to subscribers."""
