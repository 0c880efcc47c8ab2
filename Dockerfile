# syntax=docker/dockerfile:1

# Built where it runs: the same Debian in both stages, so that the C library fits. Whoever wants the very same image each
# time names them by their digests: `--build-arg RUST=rust@sha256:… --build-arg DEBIAN=debian@sha256:…`.
ARG RUST=rust:1.95-slim-bookworm
ARG DEBIAN=debian:bookworm-slim
FROM ${RUST} AS build
WORKDIR /src
# What the C code of zstd is compiled with.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --no-install-recommends --yes gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
COPY Cargo.toml Cargo.lock ./
COPY src ./src
COPY examples ./examples
COPY benches ./benches
COPY rules ./rules
COPY web ./web
COPY deploy/profiled ./deploy/profiled
RUN deploy/profiled/build.sh \
    && install -D -m 0755 target/profiled/earwitness /out/earwitness

FROM ${DEBIAN}
# Numbers, not names: an orchestrator can tell from them that it is not root.
RUN groupadd --system --gid 10001 earwitness \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin earwitness \
    && install -d -o 10001 -g 10001 -m 0700 /var/lib/earwitness/data /var/lib/earwitness/keys
COPY --from=build /out/earwitness /usr/local/bin/earwitness
COPY rules /etc/earwitness/rules
# What it is made of, for whoever scans images for known holes.
COPY Cargo.lock /usr/share/earwitness/Cargo.lock
# The key for hashes is a volume of its own: who copies the data must not get it by the way.
ENV EARWITNESS_LISTEN=0.0.0.0:8080 \
    EARWITNESS_DATA_DIR=/var/lib/earwitness/data \
    EARWITNESS_KEY_FILE=/var/lib/earwitness/keys/earwitness.key
VOLUME ["/var/lib/earwitness/data", "/var/lib/earwitness/keys"]
USER 10001:10001
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/earwitness"]
CMD ["serve", "--log-format", "json"]
