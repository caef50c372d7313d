"""The site of a network's units: every layer a sheet, every unit a page, circuits as diagrams."""
