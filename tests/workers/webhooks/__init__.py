"""What takes events to subscribers."""
