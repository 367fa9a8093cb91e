"""Walks through programs, given as commands and told as places; the same for rdb and for gdb."""
