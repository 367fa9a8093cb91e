"""Translating x86-64 code into code that does the same and writes down what it overwrites.

    instruction   what there is to know about one instruction
    block         one basic block: the record, the saves, the instructions
    head          how a block begins: what it saves before its instructions
    leaving       the ways out of a block
    spreading     writes that are saved in pieces, and instructions that are refused at times
    encoding      the bytes of the instructions in between
    flags         how the trace holds flags
    walk          exchanging records with the machine
    translator    all this as the compiled recorder sees it
    area          the scratch area behind gs, in which translated code keeps its variables
"""
