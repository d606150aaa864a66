"""Projects of frameworks that use Vite as a part of their own dev server.

Except for SvelteKit's, they are written here like the first page of each framework's guide, because the scaffolding
commands download templates from servers other than npm's.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.frameworks.projects import Project, Tools, install, with_our_package
from tests.kit import readme
from tests.kit.packages import run

STORY = """\
import { Mesh, SignalingClient } from 'vite-plugin-signaling-sidecar/browser'

export default { title: 'Hi' }
export const Two = {
  render: () => {
    const page = document.createElement('output')
    const mesh = new Mesh(new SignalingClient({ room: 'lobby' }))
    mesh.addEventListener('connected', ({ detail }) => mesh.send('hi', detail.peerId))
    mesh.addEventListener('message', ({ detail }) => page.append(String(detail.data)))
    return page
  },
}
"""
PAGE_VUE = """\
<script setup lang="ts">
import { Mesh, SignalingClient } from 'vite-plugin-signaling-sidecar/browser'
const said = ref('')
const mesh = new Mesh(new SignalingClient({ room: 'lobby' }))
mesh.addEventListener('connected', ({ detail }) => mesh.send('hi', detail.peerId))
mesh.addEventListener('message', ({ detail }) => (said.value += detail.data))
onUnmounted(() => mesh.close())
</script>
<template><output>{{ said }}</output></template>
"""
PAGE_SVELTE = """\
<script lang="ts">
  import { onDestroy } from 'svelte'
  import { Mesh, SignalingClient } from 'vite-plugin-signaling-sidecar/browser'
  let said = $state('')
  const mesh = new Mesh(new SignalingClient({ room: 'lobby' }))
  mesh.addEventListener('connected', ({ detail }) => mesh.send('hi', detail.peerId))
  mesh.addEventListener('message', ({ detail }) => (said += detail.data))
  onDestroy(() => mesh.close())
</script>
<output>{said}</output>
"""


def nuxt(tools: Tools, parent: Path) -> Project:
    project = _written(parent / "nuxt", tools, {"nuxt": "4.5.2", "vue": "^3.5.0", "vue-router": "^5.0.0"})
    project.write("nuxt.config.ts", readme.code("nuxt.config.ts"))
    project.write("app/app.vue", PAGE_VUE)
    return project


def storybook(tools: Tools, parent: Path) -> Project:
    versions = {"storybook": "10.6.7", "@storybook/html-vite": "10.6.0", "vite": "^8.4.0"}
    project = _written(parent / "storybook", tools, versions)
    project.write(".storybook/main.js", readme.code(".storybook/main.js"))
    project.write("stories/hi.stories.js", STORY)
    return project


def sveltekit(tools: Tools, parent: Path) -> Project:
    folder = parent / "sveltekit"
    words = ["--template", "minimal", "--types", "ts", "--no-add-ons", "--no-install"]
    run(["node", tools.scaffolders / ".bin" / "sv", "create", folder, *words], parent)
    project = with_our_package(folder, tools)
    config = project.read("vite.config.ts").replace(
        "plugins: [", "plugins: [signaling({ trace: true, overlay: true }), ", 1
    )
    project.write("vite.config.ts", f"import signaling from 'vite-plugin-signaling-sidecar'\n{config}")
    project.write("src/routes/+page.svelte", PAGE_SVELTE)
    return project


def vitepress(tools: Tools, parent: Path) -> Project:
    project = _written(parent / "vitepress", tools, {"vitepress": "1.6.4"})
    config = (
        "import signaling from 'vite-plugin-signaling-sidecar'\nexport default { vite: { plugins: [signaling()] } }\n"
    )
    project.write(".vitepress/config.mjs", config)
    project.write("index.md", "# A page of VitePress\n")
    return project


DOCUMENT_HTML = """\
<!doctype html>
<html lang="en"><head><script type="module" src="/@vite/client"></script><title>Hi</title></head>\
<body><button>0</button><script type="module" src="/main.jsx"></script></body></html>"""
DOCUMENT_JSX = """\
import React, { startTransition, useState } from 'react'
import { hydrateRoot } from 'react-dom/client'

function Page() {
  const [count, setCount] = useState(0)
  return (
    <html lang="en">
      <head><script type="module" src="/@vite/client"></script><title>Hi</title></head>
      <body>
        <button onClick={() => setCount(count + 1)}>{count}</button>
        <script type="module" src="/main.jsx"></script>
      </body>
    </html>
  )
}
const hydrate = () => startTransition(() => void hydrateRoot(document, <Page />))
// Hydrate late: only when the overlay is in the page.
new MutationObserver((_, observer) => {
  if (!document.querySelector('signaling-overlay')) return
  observer.disconnect()
  hydrate()
}).observe(document, { childList: true, subtree: true })
"""
DOCUMENT_CONFIG = """\
import { readFileSync } from 'node:fs'
import signaling from 'vite-plugin-signaling-sidecar'

const html = readFileSync('document.html')
const answer = ({ url }, response, next) =>
  url === '/' ? response.setHeader('Content-Type', 'text/html').end(html) : next()
const server = { name: 'server', configureServer: ({ middlewares }) => void middlewares.use(answer) }
export default { plugins: [server, signaling({ overlay: true })] }
"""


def whole_document(tools: Tools, parent: Path) -> Project:
    """Create a project whose server renders the whole document, and whose page hydrates it, as with React Router."""
    versions = {"react": "^18.3.1", "react-dom": "^18.3.1", "vite": "^8.4.0"}
    project = _written(parent / "whole-document", tools, versions)
    project.write("document.html", DOCUMENT_HTML)
    project.write("main.jsx", DOCUMENT_JSX)
    project.write("vite.config.js", DOCUMENT_CONFIG)
    return project


HOSTS: dict[str, Callable[[Tools, Path], Project]] = {
    "nuxt": nuxt,
    "storybook": storybook,
    "sveltekit": sveltekit,
    "vitepress": vitepress,
    "whole-document": whole_document,
}


def make_host(name: str, tools: Tools, parent: Path) -> Project:
    """An installed project."""
    project = HOSTS[name](tools, parent)
    install(project, tools, name)
    return project


def node(tools: Tools) -> Path | str:
    """The program of a Node.js version that all frameworks support, which may differ from the installed version."""
    found = sorted(tools.scaffolders.glob("node-*/bin/node"))
    return found[0] if found else shutil.which("node") or "node"


def _written(folder: Path, tools: Tools, dependencies: dict[str, str]) -> Project:
    folder.mkdir()
    package = {"private": True, "type": "module", "dependencies": dependencies}
    (folder / "package.json").write_text(json.dumps(package, indent=2))
    return with_our_package(folder, tools)
