"""Expressions: from the text a user types to a value, and from a value to the text a user reads.

parse -> nodes -> evaluate -> value -> format.  Nothing here knows a process: everything comes through the Scope protocol.
"""
