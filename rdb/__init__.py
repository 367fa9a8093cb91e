"""rdb: a reverse debugger for Linux programs, with GDB's command language."""

__version__ = "0.1.0"
