"""Floor 9: stationary points: optima in closed form, verified, and optima as numbers."""

from derivant.stationary.minimize import MinimizeResult, minimize
from derivant.stationary.solution import Solution, SolutionStep
from derivant.stationary.solve import solve

__all__ = ["MinimizeResult", "Solution", "SolutionStep", "minimize", "solve"]
