"""Floor 9: networks, optimisers, data, and the loop that brings them together."""
