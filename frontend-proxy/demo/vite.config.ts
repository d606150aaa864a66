import { defineConfig } from 'vite'
import signaling from 'vite-plugin-signaling-sidecar'

// The script `npm run dev:lan` sets the mode `lan`. Each mode has its own cache, so that two Vites with different
// modes can run at the same time: Vite empties a cache that was made for another configuration.
export default defineConfig(({ mode }) => ({
  cacheDir: `../node_modules/.vite-${mode}`,
  plugins: [signaling({ lan: mode === 'lan' })],
}))
