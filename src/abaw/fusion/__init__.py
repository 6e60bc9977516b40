"""Several models into one."""

from abaw.fusion.dirichlet import DirichletWeightedFusion

__all__ = ["DirichletWeightedFusion"]
