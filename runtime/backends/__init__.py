"""Engines that can run a bundle's network, each with the same few methods; see `base`."""
