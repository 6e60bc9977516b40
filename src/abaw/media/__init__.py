"""Video and sound files: the only package that opens them.

In: a path to a video or a recording, which is never trusted. Out: what its container says, the pictures nearest to
given times, and sound on the timeline of the pictures, or an error in a sentence. Used by corpus, faces, speech and
pretraining.
"""
