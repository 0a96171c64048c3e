// Front-end tests: a simulated page (jsdom), style sheets as text like in the build.

import { readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [
    {
      name: "css-as-text",
      enforce: "pre",
      load(id) {
        if (!id.endsWith(".css")) return null;
        return `export default ${JSON.stringify(readFileSync(id, "utf8"))}`;
      },
    },
  ],
  test: {
    environment: "jsdom",
    environmentOptions: { jsdom: { url: "https://www.kloset.example/shop/coats/" } },
    include: ["tests/frontend/**/*.test.ts"],
    // They wait for clocks more than they work.
    pool: "threads",
    maxWorkers: 4,
    restoreMocks: true,
    unstubGlobals: true,
    sequence: { shuffle: true },
  },
});
