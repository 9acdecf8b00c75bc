"""What servers over one database tell each other, and what one of them does alone."""
