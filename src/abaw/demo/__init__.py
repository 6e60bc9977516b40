"""The embedded corpus: real faces and synthesised voices, driven by drawn emotions, in AffWild2's form.

In: photographs and a speech synthesiser that installed packages carry, and a seed. Out: videos, annotations, lists and
templates, and the truth behind them. Read by the stage corpus, as the folders of a real corpus are.
"""
