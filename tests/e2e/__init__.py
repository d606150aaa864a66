"""Real browsers, a real Vite, a real sidecar."""
