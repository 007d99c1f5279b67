"""Kernels as rules: one file a pattern, each with its equation at the top, written as explicit vector code in TIR."""
