import { nanoid } from "nanoid";

export const GREETING = "Welcome to llm-chat";

const apiUrl = process.env.NEXT_PUBLIC_API_URL;

async function get(path) {
  const response = await fetch(`${apiUrl}${path}`, { headers: { "X-Session": nanoid() } });
  if (!response.ok) {
    throw new Error(`${path} answered ${response.status}`);
  }
  return response.json();
}

async function start() {
  document.getElementById("greeting").textContent = GREETING;
  const status = document.getElementById("status");
  try {
    const [{ version }, { visits }, prompts] = await Promise.all([
      get("/version"),
      get("/visits"),
      get("/prompts"),
    ]);
    status.textContent = `${prompts.greeting} (backend ${version}, visit ${visits})`;
  } catch (error) {
    status.textContent = `The backend does not answer: ${error.message}`;
  }
}

start();
