"""The stage bundle: trained models with all that is needed to apply them elsewhere, in one folder.

In: weights, cards, fusion weights and scores of a finished run. Out: results/bundle, a `bundle.json` and safetensors.
Read by: predict, on any machine. Nothing in a bundle is run.
"""
