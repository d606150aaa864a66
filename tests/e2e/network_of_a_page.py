"""The network between a page and the sidecar, which a test can interrupt."""

from __future__ import annotations

from playwright.async_api import Page, WebSocketRoute

NETWORK_LOST = 3001  # instead of 1006, which cannot be sent: the sidecar treats both codes as a lost connection


class Network:
    """Passes on the frames of the page's WebSocket to the sidecar."""

    def __init__(self) -> None:
        self.is_down = False
        """Whether each attempt of the page to connect fails."""
        self._routes: list[tuple[WebSocketRoute, WebSocketRoute]] = []

    @classmethod
    async def of(cls, page: Page) -> Network:
        """Must be called before the page connects."""
        network = cls()
        await page.route_web_socket("**/ws/signaling", network._pass_on)
        return network

    async def cut(self) -> None:
        """Interrupt the page's connection."""
        page, server = self._routes[-1]
        await server.close(code=NETWORK_LOST)
        await page.close(code=NETWORK_LOST)

    async def _pass_on(self, route: WebSocketRoute) -> None:
        if self.is_down:
            await route.close(code=NETWORK_LOST)
        else:
            self._routes.append((route, route.connect_to_server()))
