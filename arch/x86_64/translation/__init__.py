"""Translating x86-64 code into code that does the same and writes down what it overwrites.

    instruction   what there is to know about one instruction
    block         one basic block: the record, the saves, the instructions
    leaving       the ways out of a block
    encoding      the bytes of the instructions in between
    area          the scratch area behind gs, in which translated code keeps its variables
"""

from rdb.arch.x86_64.translation.block import Translation, translate
from rdb.arch.x86_64.translation.instruction import Reader, pieces

__all__ = ["Reader", "Translation", "pieces", "translate"]
