"""Control iD's Push, as the vendor's page and real firmware have it."""
