# The gateway as an image: the page is built in the first stage, the second holds what runs. The base image brings Node
# itself, so the Node of the optional dependencies is left out.
FROM node:24.21.0-bookworm-slim AS page
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY model ./model
COPY gateway ./gateway
COPY dashboard ./dashboard
RUN node node_modules/vite/bin/vite.js build --config dashboard/vite.config.ts

FROM node:24.21.0-bookworm-slim
WORKDIR /app
ENV NODE_ENV=production
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --omit=dev --omit=optional --no-audit --no-fund
COPY model ./model
COPY adapters ./adapters
COPY rules ./rules
COPY gateway ./gateway
COPY simulators ./simulators
COPY --from=page /app/dashboard/dist ./dashboard/dist
# A named volume takes its owner from here.
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 8080
CMD ["node", "gateway/main.ts", "run", "--site", "gateway/demo/site.yaml", "--data", "/data", "--host", "0.0.0.0"]
