import { mkdir, readFile, writeFile } from "node:fs/promises";
import { marked } from "marked";

await mkdir("dist", { recursive: true });
await writeFile("dist/index.html", marked.parse(await readFile("pages/index.md", "utf8")));
