"""The CPUs that rdb knows, one folder each.  Imported as rdb.arch and under no other name."""

if __name__ != "rdb.arch":
    raise ImportError("the folder arch/ is the package rdb.arch: import it by that name")
