import type { ResolvedConfig } from 'vite'
import { INSPECTOR_FOLDER } from './inspector.ts'
import { PLUGIN_NAME } from './names.ts'
import { pagesBase } from './page-server.ts'

/**
 * The part of `ViteDevToolsNodeContext` (@vitejs/devtools-kit 0.8) that is used here. The package is not
 * imported, because it is experimental, and few projects have it.
 */
interface DevToolsContext {
  readonly mode: string
  readonly viteConfig: ResolvedConfig
  readonly docks: { register(entry: DockEntry): unknown }
}

interface DockEntry {
  readonly id: string
  readonly type: 'iframe'
  readonly title: string
  readonly icon: string
  readonly url: string
}

/** The field `devtools` of the plugin, which adds the inspector to Vite DevTools if they are installed. */
export const DEVTOOLS_DOCK = {
  setup({ mode, viteConfig, docks }: DevToolsContext): void {
    if (mode !== 'dev') return
    const url = `${pagesBase(viteConfig)}${INSPECTOR_FOLDER}/`
    docks.register({ id: PLUGIN_NAME, type: 'iframe', title: 'Signaling', icon: ICON, url })
  },
}

// The icon shows three peers that are connected to each other. It is a data URL, because Vite DevTools downloads an
// icon from the internet if the plugin gives only the icon's name.
const ICON = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#8b5cf6" stroke-width="2"><path d="M12 7 6 16h12z"/><circle cx="12" cy="5" r="2.5"/><circle cx="5" cy="18" r="2.5"/><circle cx="19" cy="18" r="2.5"/></svg>',
)}`
