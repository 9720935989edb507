"""Floor 7: derivatives of Python functions."""
