"""The stage attention: one network for face and voice, by self- or cross-attention (paper §2.3).

In: embeddings of faces and of the voice at the same frames, labels. Out: weights with their card, and predictions at
the analysed frames. Read by timeline. There is only the model here: it is trained by the functions of abaw.dynamic.
"""
