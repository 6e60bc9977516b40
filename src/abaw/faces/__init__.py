"""The stage faces: one decoding pass over each video, for faces, subjects, crops and mouths (paper §3.2.1, §3.2.2).

In: a video and its subjects, or the organisers' crops. Out: a row for every analysed frame of every subject, with box,
points, crop and mouth opening. Read by speech, which looks at the mouths, by static and by pretraining.
"""
