"""Speech encoders under the acoustic models: one interface, and a small class for each family of transformers.

`loading.load_encoder` gives the one that the configuration names; nothing else here asks which family it is of.
"""

import abaw.nn  # noqa: F401  (it makes transformers importable, so it comes first)
