"""Workers: what runs by itself."""
