"""The inspector: a page that shows what happens in the rooms, and the API from which the page gets its data.

`sidecar inspect` opens the page on the sidecar's own port. Vite's plugin serves it at `/__signaling/` of the dev
server.
"""
