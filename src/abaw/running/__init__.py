"""How a run behaves, whatever it computes: errors as sentences, whole files, locks, and which code is behind a job.

Knows none of the other rooms; used by all of them.
"""
