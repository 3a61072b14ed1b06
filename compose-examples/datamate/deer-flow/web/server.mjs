import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const page = readFileSync("dist/index.html");
createServer((request, response) => {
  response.setHeader("Content-Type", "text/html");
  response.end(request.url === "/health" ? "ok" : page);
}).listen(3000);
