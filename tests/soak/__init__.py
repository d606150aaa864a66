"""The soak test: many peers send frames for a long time, while the network breaks and sidecars are killed."""
