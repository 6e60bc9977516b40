"""The science of abaw-flow: typed functions and estimators that know neither Snakemake nor the command line."""
