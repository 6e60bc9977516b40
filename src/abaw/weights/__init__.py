"""The stage weights: files of weights that others have trained, each known by its digest.

In: resources/weights.yaml, the one list of them. Out: files that are what the list says, or a sentence. Read by faces,
speech and static.
"""
