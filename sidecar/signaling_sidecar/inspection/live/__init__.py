"""Shows a running sidecar in a notebook, and contains all widgets for notebooks."""
