# The image of Guildhall: one program, run as an unprivileged user, which writes nothing but its data folder.
#
#   docker build -t guildhall .                                        BuildKit or the classic builder
#   docker run --rm -p 127.0.0.1:8080:8080 --read-only -v guildhall:/var/lib/guildhall guildhall
#
# docs/deploy.md says what else it needs, and what was tried.

ARG DEBIAN=debian:bookworm-slim

FROM ${DEBIAN} AS build
WORKDIR /src
# Before the sources, so that a change of them does not install the packages again.
COPY scripts/install_packages scripts/packages.txt scripts/
RUN scripts/install_packages
COPY . .
RUN cmake --preset release -DGUILDHALL_BENCHMARKS=OFF -DCMAKE_DISABLE_FIND_PACKAGE_GTest=ON \
    && cmake --build build/release --target guildhall \
    && cmake --install build/release --prefix /out --strip \
    && install -D -t /out/bin deploy/make_secrets

FROM ${DEBIAN}
# The shared libraries of the program; tests/api/test_image.py compares them with what it is linked to.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        ca-certificates \
        libargon2-1 \
        libboost-json1.81.0 \
        libboost-url1.81.0 \
        libcjose0 \
        libcurl4 \
        libfmt9 \
        libhiredis0.14 \
        libpq5 \
        libprometheus-cpp-core1.0 \
        librabbitmq4 \
        libspdlog1.10 \
        libsqlite3-0 \
        libssl3 \
        libstdc++6 \
        libtomlplusplus3 \
        libutf8proc2 \
        libxxhash0 \
        zlib1g \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/* /var/log/* \
    && groupadd --system --gid 10001 guildhall \
    && useradd --system --uid 10001 --gid guildhall --home-dir /var/lib/guildhall --shell /usr/sbin/nologin guildhall \
    && install -d -o guildhall -g guildhall -m 700 /var/lib/guildhall
COPY --from=build /out/bin/ /usr/local/bin/
COPY examples/demo /usr/local/share/guildhall/demo

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Guildhall" \
      org.opencontainers.image.description="The backend of a professional network" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# By number, because Kubernetes proves by it that the user is not root.
USER 10001:10001
WORKDIR /var/lib/guildhall
VOLUME /var/lib/guildhall
ENV GUILDHALL_DATA_DIR=/var/lib/guildhall GUILDHALL_HTTP_LISTEN=0.0.0.0:8080
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["guildhall", "health"]
ENTRYPOINT ["guildhall"]
CMD ["serve"]
