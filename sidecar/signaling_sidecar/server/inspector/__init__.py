"""The inspector: a page that shows what happens in the rooms, and the API from which the page gets its data.

`sidecar inspect` opens it on the sidecar's own port, and Vite's plugin at `/__signaling/` of the dev server.
"""
