"""End-to-end tests with real browsers, a real Vite server and a real sidecar."""
