"""Refining the rules' tiles by measuring them: what may vary, how it is measured, and where the results are kept.

The rules choose a tile by a model of the processor. Here the tiles next in the model's order are compiled and timed on
the processor itself, layer by layer, and what was faster goes into a file that compiling picks up.
"""
