"""stub"""


def write_figures(folder, explanation, picture):
    return []
