"""The stage seeds: everything trained again with other seeds, and the mean of what all models say.

In: the layout, and what the models of each seed say. Out: names, splits and seeds of each, and the mean. Read by every
stage that trains, and by fusion and submission.
"""
