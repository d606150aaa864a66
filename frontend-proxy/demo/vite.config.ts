import { defineConfig } from 'vite'
import signaling from 'vite-plugin-signaling-sidecar'

// `npm run dev:lan` sets the mode.
export default defineConfig(({ mode }) => ({ plugins: [signaling({ lan: mode === 'lan' })] }))
