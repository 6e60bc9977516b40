"""The stage functional: statistics of embeddings over windows, in kernel extreme learning machines (paper §2.2.2).

In: embeddings of faces at the analysed frames, the separated voices with their voiced runs, labels. Out: the models
with their cards, the scores of the whole grids, and a prediction for each window. Read by timeline.
"""
