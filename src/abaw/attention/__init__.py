"""The stage attention: faces and voice in one network, by self- or cross-attention (paper §2.3).

In: embeddings of faces and of the voice at the same frames, labels. Out: weights with their card, and predictions at
the analysed frames. Read by timeline. The training is that of the stage dynamic.
"""
