"""A running sidecar in a notebook, and the widgets of the notebook."""
