"""The sections of `make gpu`, and what is concluded from them."""
