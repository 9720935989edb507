"""Floor 3: what holds a graph. Value (floats), Tensor (arrays), Expr (structure)."""
