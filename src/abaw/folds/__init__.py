"""The stage folds: the corpus split anew, so that every annotated video is predicted by models that have not seen it.

In: the layout and the tables of the corpus, and what the models of each fold say. Out: the tables of each fold, and of
all folds together. Read by every stage that trains, and by fusion and submission.
"""
