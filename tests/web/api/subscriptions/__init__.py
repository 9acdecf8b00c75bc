"""Subscriptions as programs get them."""
