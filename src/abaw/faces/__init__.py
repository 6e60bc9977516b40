"""The stage faces: faces, subjects, crops and mouths of a video in one decoding pass (paper §3.2.1, §3.2.2).

In: a video and the names of its subjects, or the organisers' crops. Out: a row for every analysed frame of every
subject, with box, points, crop and mouth opening. Read by speech (the mouths) and static (the crops); pretraining finds
the faces of its pictures with the same detectors.
"""
