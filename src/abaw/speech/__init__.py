"""The stage speech: the voice in each video, and when the target speaker speaks (paper §3.2.1).

In: the sound of the videos, and the mouths in the tables of faces. Out: the sound at 44.1 kHz, the separated voice at
16 kHz, and a table of the runs in which the target speaker speaks. Read by acoustic.
"""
