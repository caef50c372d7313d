"""Saliency: which pixels of an image an answer is owed to, by one file a method."""
