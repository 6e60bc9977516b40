"""The stage weights: files of weights that others have trained, each known by its sha256.

In: resources/weights.yaml, the one list of them. Out: files that are what the list says, or an error in a sentence.
Read by faces, speech and static.
"""
