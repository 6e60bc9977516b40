"""The stage timeline: from predictions in time to one value for every row that is asked for (paper §3.2.3).

In: the predictions of any model, and how many rows each sample has. Out: values at every row, smoothed. Read by fusion,
submission and report.
"""
