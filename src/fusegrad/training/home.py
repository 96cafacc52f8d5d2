"""Where the parameters of a trainer live."""
