import { mkdir, readFile, writeFile } from "node:fs/promises";
import escape from "escape-html";

const text = await readFile("src/page.txt", "utf8");
await mkdir("dist", { recursive: true });
await writeFile("dist/index.html", `<p>${escape(text.trim())}</p>\n`);
