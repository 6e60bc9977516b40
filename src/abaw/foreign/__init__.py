"""The stage foreign: what a team brings of its own, checked and brought into the form of the workflow's tables.

In: predictions in Parquet or CSV that any program has written. Out: the table `predictions` of that model, which
timeline, fusion, submission and report treat like any other.
"""
