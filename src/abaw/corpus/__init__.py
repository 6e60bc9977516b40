"""The stage corpus: which tracks there are, their labels, and what does not fit together (paper §3.1).

In: the folders of videos, annotations, lists and templates, in AffWild2's form. Out: tables of tracks and labels for
each challenge and split, and the page of problems. Read by every later stage.
"""
