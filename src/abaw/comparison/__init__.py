"""The stage comparison: finished runs side by side.

In: scores, frames, configurations and benchmarks of runs that have finished, each in a folder of its own. Out: CSV
tables, one HTML page and MLflow's file store, for people and for programs that track experiments.
"""
