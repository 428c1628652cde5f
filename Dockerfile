# The gateway in a container. Build: docker build -t meshagent-llm-proxy .   Run it: docs/operations.md, "Docker".
#
# The source runs as it is written (Node strips the types), so nothing is compiled and no compiler is in the image.

FROM node:24-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages/protocol/package.json packages/protocol/
COPY packages/gateway/package.json packages/gateway/
COPY packages/cli/package.json packages/cli/
RUN npm ci --omit=dev --ignore-scripts

FROM node:24-slim
ENV NODE_ENV=production MESHAGENT_DATA_DIR=/var/lib/meshagent
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json LICENSE ./
COPY packages packages
COPY examples/docker/healthcheck.mjs healthcheck.mjs
# The files stay root's, so that the gateway cannot change its own code; the data is its user's alone.
RUN ln -s /app/packages/cli/bin/meshagent.js /usr/local/bin/meshagent \
  && chmod +x /app/packages/cli/bin/meshagent.js \
  && install -d -o node -g node -m 700 /var/lib/meshagent
USER node
VOLUME /var/lib/meshagent
EXPOSE 8700
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s CMD ["node", "/app/healthcheck.mjs"]
ENTRYPOINT ["node", "/app/packages/cli/bin/meshagent.js"]
CMD ["serve", "--host", "0.0.0.0"]
