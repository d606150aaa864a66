import { defineConfig } from 'vite'
import signaling from 'vite-plugin-signaling-sidecar'

// The script `npm run dev:lan` sets the mode `lan`.
export default defineConfig(({ mode }) => ({ plugins: [signaling({ lan: mode === 'lan' })] }))
