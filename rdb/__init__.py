"""rdb: a reverse debugger for Linux programs, with GDB's command language.

The public Python API is rdb.session.Session; the command `rdb` is rdb.cli.
"""

__version__ = "0.1.0"
