"""The stage dynamic: transformers over windows of embeddings (paper §2.2.2, Figure 3).

In: embeddings of faces at the analysed frames, labels. Out: weights with their card for each window and normaliser, and
predictions at the analysed frames. Read by timeline; attention trains by the same functions.
"""
