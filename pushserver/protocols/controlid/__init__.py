"""Control iD's Push, as documented and as real firmware speaks it."""
