"""The stage corpus: which tracks there are, what their labels say, and what does not fit together (paper §3.1).

In: the folders of videos, annotations, test lists and templates, in AffWild2's form. Out: tables of tracks and labels
for each challenge and split, and a page of problems. Read by every later stage.
"""
