import { defineConfig } from 'vite'
import signaling from 'vite-plugin-signaling-sidecar'

export default defineConfig({ plugins: [signaling()] })
