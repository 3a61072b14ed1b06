import { copyFile, mkdir } from "node:fs/promises";
import { build } from "esbuild";

await mkdir("dist", { recursive: true });
await build({ entryPoints: ["src/main.js"], bundle: true, minify: true, outfile: "dist/main.js" });
await copyFile("src/index.html", "dist/index.html");
