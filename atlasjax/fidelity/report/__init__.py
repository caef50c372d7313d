"""The fidelity report of a run: how far its atlas can be trusted, for people and for programs.

finished run --measure--> numbers --page, plots, words--> report.html
"""
