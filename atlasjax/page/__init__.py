"""What a run shows: the folder that a browser opens, one file, a server, a notebook."""
