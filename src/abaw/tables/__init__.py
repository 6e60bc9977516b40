"""The tables that pass between the stages: schemas, reading and writing, and rows as arrays.

Every stage uses this package; it knows none of them.
"""
