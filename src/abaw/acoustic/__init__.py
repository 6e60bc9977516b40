"""The stage acoustic: what the voice expresses, by wav2vec2 models on windows of 4 s (paper §2.1, §3.2.1).

In: the separated voice, the runs in which the target speaker speaks, labels. Out: weights with their card, predictions
once or five times a second over whole tracks, and embeddings of the voice. Read by attention and timeline.
"""
