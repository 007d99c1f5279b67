"""The device half: load a bundle, step streams of frames, show what they mean. Needs neither torch nor TVM."""
