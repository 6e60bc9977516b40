"""The stage static: a frame-level model of face crops, and its embeddings (paper §2.2, §2.2.1, Figure 1).

In: crops of faces, labels, and crops of the pre-training corpora where they are present. Out: weights with their card,
and 256 numbers for every analysed frame. Read by dynamic, functional and attention.
"""
