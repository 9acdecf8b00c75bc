"""Storage: the interface of every store (`base`), and the stores."""
