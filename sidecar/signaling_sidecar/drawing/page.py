"""Makes a web page that shows a drawing. The page is one file, without scripts, and loads nothing."""

from __future__ import annotations

from signaling_sidecar.drawing.markup import text

_STYLE = """\
:root { color-scheme: light dark }
body { margin: 16px; background: Canvas; color: CanvasText; font: 14px system-ui, sans-serif }
/* The list of rows scrolls below its header, and takes the whole window instead of a notebook's cell. */
[data-rows] { max-height: calc(100vh - 80px) !important }
/* Paper does not scroll. */
@media print { [data-rows] { max-height: none !important; overflow: visible !important } }
"""
# The page shows text that peers have chosen. The text is escaped, and this policy also prevents scripts and requests.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(title: str, drawing: str) -> str:
    """Wrap the HTML of a drawing into a page for browsers, in the colours (light or dark) that the reader prefers."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{text(title)}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n{drawing}\n</body>\n</html>\n"
    )
