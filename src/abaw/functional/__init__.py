"""The stage functional: statistics of embeddings over 2 s, in kernel extreme learning machines (paper §2.2.2).

In: embeddings of faces at the analysed frames, labels. Out: the model with its card, the scores of the whole grid, and
a prediction for each window. Read by timeline.
"""
