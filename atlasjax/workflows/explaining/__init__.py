"""What `workflows.explain` puts together: images, choices, layers, maps and checks."""
