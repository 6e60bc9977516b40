"""The embedded corpus: real faces and synthesised voices, driven by drawn emotions, in AffWild2's form."""
