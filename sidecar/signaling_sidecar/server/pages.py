"""What the sidecar says over plain HTTP."""

from __future__ import annotations

from html import escape

from signaling_sidecar import __version__
from signaling_sidecar.hub.effects import RoomsListed

HOME = "The signaling sidecar is running. Your app's dev server proxies /ws/signaling to it.\n"
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Signaling sidecar</title>
<style>
  :root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }}
  body {{ max-width: 40rem; margin: 3rem auto; padding: 0 1rem }}
  code {{ font-size: 0.95em }}
  td, th {{ padding: 0.2rem 1rem 0.2rem 0; text-align: left }}
</style>
<h1>The signaling sidecar is running</h1>
<p>This is the WebSocket endpoint <code>{path}</code>, version {version}. Open your app to join a room.</p>
<table>
  <tr><th>Room</th><th>Peers</th></tr>
{rows}
</table>
</html>
"""


def status_page(path: str, listed: RoomsListed) -> str:
    """What a browser shows of a WebSocket endpoint: that it is up, and its listed rooms."""
    rows = "\n".join(f"  <tr><td>{escape(room.room)}</td><td>{room.peers}</td></tr>" for room in listed.rooms)
    return _PAGE.format(
        path=escape(path), version=__version__, rows=rows or "  <tr><td colspan=2>nobody is in a room</td></tr>"
    )
