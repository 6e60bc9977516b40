"""The stage demo: the embedded corpus, real faces and synthesised voices that show emotions drawn from a seed.

In: photographs and a speech synthesiser that installed packages carry, and the seed. Out: videos, annotations, lists
and templates in AffWild2's form, and the truth behind them. Read by the stage corpus, like a real corpus.
"""
