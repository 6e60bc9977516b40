"""The stage report: scores with intervals, the paper's tables beside ours, and pictures (paper §4).

In: the values of models and systems at the rows, labels, and the histories of the trainings. Out: CSV tables, figures
and one HTML page, for people to read.
"""
