import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

/**
 * Builds the page into `dashboard/dist`. The root is fixed here, so that both `vite build dashboard` and
 * `vite build --config dashboard/vite.config.ts` build the same. All addresses are relative: the page may be served
 * under any path of a reverse proxy.
 */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
  // Not for development, whatever NODE_ENV says: places in the source files would be a tenth of what is loaded.
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact', development: false, refresh: false } },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    // Says which files the first route needs; the size gate reads it.
    manifest: true,
    // Browsers since about 2022: the embedded ones of WeCom and of wall screens are older than a desktop's.
    target: ['es2022', 'chrome100', 'safari15.4', 'firefox100'],
    modulePreload: { polyfill: false },
  },
});
