import { copyFile, mkdir } from "node:fs/promises";
import { build } from "esbuild";

const apiUrl = process.env.NEXT_PUBLIC_API_URL || "/api";

await mkdir("dist", { recursive: true });
await build({
  entryPoints: ["src/main.js"],
  bundle: true,
  minify: true,
  outfile: "dist/main.js",
  define: { "process.env.NEXT_PUBLIC_API_URL": JSON.stringify(apiUrl) },
});
await copyFile("src/index.html", "dist/index.html");
