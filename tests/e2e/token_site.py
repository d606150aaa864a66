"""An app whose dev server signs tokens for its pages, and a sidecar that requires these tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page

from tests.kit import readme
from tests.kit.checkout import FRONTEND
from tests.kit.programs import Start
from tests.kit.sites import PLUGIN, Site, sidecar_in, start_vite, url_in, write_project

SECRET = "a secret that only the app and the sidecar know"
OTHER_SECRET = "a secret of somebody else that is just as long"

# `life` is the number of seconds until `exp`. The sidecar accepts a token for 10 s longer, so a
# token with a `life` of -7 is accepted for 3 s.
_CONFIG = """
import { createHmac } from 'node:crypto'
import signaling from 'PLUGIN'

const text = (part) => Buffer.from(JSON.stringify(part)).toString('base64url')
const signers = {
  name: 'signs-tokens',
  configureServer: ({ middlewares }) => void middlewares.use('/token', (request, response) => {
    const { secret = 'SECRET', life = 60, ...more } = Object.fromEntries(new URL(request.url, 'http://x').searchParams)
    const claims = { sub: 'ann', aud: 'bar', exp: Math.floor(Date.now() / 1000) + Number(life), ...more }
    const signed = `${text({ alg: 'HS256', typ: 'JWT' })}.${text(claims)}`
    response.end(`${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`)
  }),
}
const env = {
  SIDECAR_AUTH: 'jwt', SIDECAR_JWT_ALGORITHM: 'HS256', SIDECAR_JWT_AUDIENCE: 'bar', SIDECAR_JWT_SECRET: 'SECRET',
}
export default {
  plugins: [signaling({ sidecar: { env } }), signers],
  server: { fs: { strict: false } },
  cacheDir: '.vite',
}
"""
_MAIN = """
import { Mesh, SignalingClient } from 'CLIENT'
import { Peer } from 'peerjs'
import * as Y from 'yjs'
import { WebrtcProvider } from 'y-webrtc'

const asked = []
async function tokenFor(claims) {
  const token = await (await fetch(`/token?${new URLSearchParams(claims)}`)).text()
  asked.push(token)
  return token
}
window.kit = { Mesh, SignalingClient, Peer, Y, WebrtcProvider, asked, tokenFor }
"""


async def start_token_site(start: Start, folder: Path) -> Site:
    config = _CONFIG.replace("PLUGIN", str(PLUGIN)).replace("SECRET'", f"{SECRET}'")
    project = write_project(folder / "app", config)
    (project / "node_modules").symlink_to(FRONTEND / "node_modules")
    (project / "index.html").write_text("<!doctype html><script type='module' src='/main.js'></script>")
    client = f"/@fs{FRONTEND}/dist/browser/index.mjs"
    (project / "main.js").write_text(_MAIN.replace("CLIENT", client))
    example = readme.code("main.js, token").replace("vite-plugin-signaling-sidecar/browser", client)
    (project / "example.js").write_text(f"{example}\nexport {{ mesh }}\n")
    vite = await start_vite(start, project)
    return Site(await url_in(vite), vite, await sidecar_in(vite))


@dataclass
class TokenPage:
    """A page of the app in a separate browser window."""

    page: Page
    warnings: list[str] = field(default_factory=list)

    async def js(self, script: str, argument: Any = None) -> Any:
        return await self.page.evaluate(script, argument)

    async def holds(self, condition: str) -> None:
        await self.page.wait_for_function(condition)

    async def token(self, **claims: Any) -> str:
        return str(await self.js("claims => kit.tokenFor(claims)", claims))


async def visit(browser: Browser, site: Site) -> TokenPage:
    found = TokenPage(await (await browser.new_context()).new_page())
    found.page.on("console", lambda message: message.type == "warning" and found.warnings.append(message.text))
    await found.page.goto(site.url)
    await found.holds("window.kit")
    return found
