"""The stage dynamic: transformers over windows of face embeddings (paper §2.2.2, Figure 3).

In: embeddings of faces at the analysed frames, labels. Out: weights with their card for each window length and
normaliser, and predictions at the analysed frames. Read by timeline. The stage attention trains by the same functions.
"""
