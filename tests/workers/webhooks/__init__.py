"""The workers that deliver events to subscriptions."""
