"""The stage pretraining: read ten public corpora, and cut out their faces for the backbone (paper §3.1.1, Table 1).

In: the corpora as their owners distribute them. Out: one table of all labels, and a table of face crops for each
corpus. Read by static.
"""
