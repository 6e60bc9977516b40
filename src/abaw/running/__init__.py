"""How a run behaves, whatever it computes: errors as sentences, whole files, locks, a job's code, and ONNX Runtime.

It imports none of the other packages and is used by all of them.
"""
