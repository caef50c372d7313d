"""Artifacts on disk: fingerprints, atomic writes, arrays larger than memory."""
