"""The use cases, over a real store and a clock that is handed in."""
