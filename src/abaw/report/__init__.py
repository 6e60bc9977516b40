"""The stage report: scores with intervals, the paper's tables beside ours, and pictures (paper §4).

In: predictions and systems at the frames, labels, histories of trainings. Out: CSV tables, figures and a page. Nobody
reads them but people.
"""
