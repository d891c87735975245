# aftersweep with a browser for --pdf. Build: docker build -t aftersweep .   Use: docs/ci/README.md
FROM python:3.12-slim AS build
WORKDIR /src
COPY . .
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.12-slim
# Debian keeps but one version of Chromium, so none can be pinned.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends chromium fonts-dejavu-core \
    && rm -rf /var/lib/apt/lists/*
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    python -m pip install --no-cache-dir --root-user-action=ignore /wheels/*.whl
# Docker's seccomp profile forbids Chromium to build its sandbox; here the container is one, and the page that is printed
# may neither load nor run anything but its own.
RUN printf '#!/bin/sh\nexec chromium --no-sandbox "$@"\n' > /usr/local/bin/aftersweep-browser \
    && chmod 755 /usr/local/bin/aftersweep-browser \
    && useradd --uid 10001 --create-home aftersweep \
    && mkdir -p /archive /site /work \
    && chown aftersweep:aftersweep /archive /site /work
ENV AFTERSWEEP_HOME=/archive \
    AFTERSWEEP_BROWSER=/usr/local/bin/aftersweep-browser \
    PYTHONDONTWRITEBYTECODE=1
# By number, for Kubernetes cannot tell that a name is not root.
USER 10001:10001
WORKDIR /work
VOLUME /archive
ENTRYPOINT ["aftersweep"]
CMD ["--help"]
