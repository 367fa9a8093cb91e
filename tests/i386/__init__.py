"""32-bit programs under rdb.  They are the tests' own programs, compiled with -m32; without a compiler for them the tests are
skipped."""
