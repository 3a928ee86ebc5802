# Onhand as one process: the command line with everything it needs but the servers, which
# docker-compose.yml runs beside it. Node 24 runs the TypeScript sources as they are; nothing is built.
FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
COPY package.json package-lock.json ./
# The project's own Node and Postgres are for machines without them; here both come as images.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund && npm cache clean --force
# By name, so that nothing else of this directory (settings with passwords, data) gets into the image.
COPY LICENSE ./
COPY shared ./shared
COPY streams ./streams
COPY actors ./actors
COPY http ./http
COPY scripts ./scripts
RUN mkdir -p /data && chown node /data
USER node
ENV ONHAND_HOST=0.0.0.0 ONHAND_DATA=/data
EXPOSE 3030
VOLUME /data
# node itself is process 1, so that a stop reaches it and it drains.
ENTRYPOINT ["node", "scripts/bin/onhand.mjs"]
CMD ["up"]
