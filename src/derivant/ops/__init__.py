"""Floor 2: the public vocabulary. Arguments are read and normalised here, then a row is applied."""
