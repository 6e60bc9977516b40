"""Media files: the only room that opens them.

In: a path to a video or a recording, which is never trusted. Out: what its container says, pictures near given times,
and sound on the timeline of the pictures; or a sentence. Read by corpus, faces, speech and pretraining.
"""
