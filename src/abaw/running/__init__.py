"""How a run behaves, whatever it computes: errors as sentences, whole files, locks, and the code behind a job.

It imports none of the other packages and is used by all of them.
"""
