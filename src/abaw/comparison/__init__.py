"""The stage comparison: finished runs side by side.

In: scores, frames, configurations and benchmarks of runs that have finished, each in a folder of its own. Out: CSV
tables and one HTML page, for people and for programs that track experiments.
"""
