FROM python:3.11-slim
RUN mkdir -p /usr/share/man/man1 && apt-get update && apt-get install -y --no-install-recommends git curl wget openssl ruby composer cargo golang-go maven dnf nodejs npm busybox-static gcc libc6-dev
RUN apt-get install -y --no-install-recommends gradle && apt-get download skopeo
RUN pip install --break-system-packages uv poetry huggingface_hub nltk requests
RUN npm install -g yarn@1 pnpm@9
RUN apt-get install -y --no-install-recommends r-base-core elixir
RUN npm install -g corepack bun deno && npm install --prefix /opt/berry @yarnpkg/cli-dist && ln -s /opt/berry/node_modules/@yarnpkg/cli-dist/bin/yarn.js /usr/local/bin/yarn-berry
