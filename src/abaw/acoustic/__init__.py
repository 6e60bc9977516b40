"""The stage acoustic: what the voice expresses, by wav2vec2 models on windows of 4 s (paper §2.1, §3.2.1).

In: the separated voice, the runs in which the target speaker speaks, labels. Out: weights with their card, predictions
for whole tracks (once a second for expressions, five times for valence and arousal), and embeddings of the voice. Read
by timeline and attention.
"""
