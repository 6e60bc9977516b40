"""The tables that pass between the stages: their schemas, reading and writing them, and their rows as arrays.

Known to every stage, and knows none of them.
"""
