"""The stage static: a model of single frames, and the embeddings it gives (paper §2.2, §2.2.1, Figure 1).

In: crops of faces, labels, and the crops of pre-training corpora if there are any. Out: weights with their card, and
256 numbers for every analysed frame. Read by dynamic, functional, acoustic (for its frames) and attention.
"""
