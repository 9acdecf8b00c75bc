"""What runs by itself: each worker is one round, repeated."""
