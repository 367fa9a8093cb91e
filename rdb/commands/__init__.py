"""The command language: a registry of commands, the console that runs lines of it, and one module of handlers per group.

Handlers return data, or yield it as it comes to be; nothing in this package prints.  `rdb.render` turns the data into text.
"""
