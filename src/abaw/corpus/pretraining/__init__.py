"""The ten corpora that the static models are pre-trained on (paper §3.1.1, Table 1), each read as it is distributed."""
