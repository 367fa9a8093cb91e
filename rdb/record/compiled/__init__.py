"""Compiled recording: the program runs as translated code that writes down what it overwrites.

A basic block of the program is translated (rdb.arch.translation) into code that does the same, with the saves in between,
and placed in the inferior, near the original.  Translations lead into one another; the debugger is asked only where a way is not
known yet.  What they save goes straight into memory that both sides see.

    shared        memory of ours inside the inferior
    log           the two streams that translated code writes, in chunks
    block         what a block is, and what a record of it holds
    code_cache    the translations, and the ways between them
    translations  which block belongs to which address now
    recorder      goes inside, comes out, and decides what is to be done in between
    stepping      how a range of code is stepped through without single steps
    images        translations of whole files, kept from one run to the next:
                  loaded (in use), imaging (made anew), image and telling (their form), image_files (on disk)
    take_back     undoes a block that was left in the middle
    index         where in a chunk what is
    segment       a stretch of the log as a segment of the record list
    columns       questions about many executions, and moves over them by numpy
    walk          the same moves, made by the program's own process
    expansion     a block as entries, for those who must get inside

Three invariants hold it together.  A machine can stand between two blocks only, or inside one that has been expanded.  A thread
that has come out is as the program would have it: nothing of ours is in its registers.  And what a block overwrites is decided by
the effects of its instructions alone, as in single steps: whatever is in doubt there is left to the single-step recorder, whose
entries stand between the blocks in the same list.
"""
