"""The stage pretraining: ten public corpora of faces, read and cut out for the backbone (paper §3.1.1, Table 1).

In: the corpora as they are downloaded. Out: one table of labels, and a table of face crops for each corpus. Read by
static.
"""
