"""What the 64-bit and the 32-bit x86 share: the CPU's features, the extended state, the decoder's corrections, assembly."""
