"""Webhooks: post events to the URLs of subscriptions."""
