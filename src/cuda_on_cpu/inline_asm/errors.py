"""What is said of inline assembly that has no equivalent here."""

from __future__ import annotations


class Unsupported(Exception):
    """An asm statement that is malformed, or has an instruction or operand without equivalent C++."""
