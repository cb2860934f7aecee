# syntax=docker/dockerfile:1
# Two stages: the first builds the wheel, with a compiled data path, and installs it with the locked dependencies; the
# second is what runs: no compiler, no pip, no build tools, not root. docs/adr/0007-packaging.md says why a wheel and not
# the source tree, docs/adr/0015-compiling-the-data-path.md what is compiled.

ARG PYTHON=3.13

FROM python:${PYTHON}-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_RETRIES=10
WORKDIR /src
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev
RUN python -m venv /build && python -m venv --without-pip /opt/driftgate
COPY requirements.lock requirements-compile.lock ./
# What is compiled depends on the types of what it imports: the build has the same packages.
RUN /build/bin/pip install --require-hashes --only-binary :all: -r requirements.lock -r requirements-compile.lock \
 && /build/bin/pip --python /opt/driftgate/bin/python install --require-hashes --only-binary :all: -r requirements.lock
COPY pyproject.toml hatch_build.py README.md CHANGELOG.md LICENSE ./
COPY gateway gateway
COPY routing routing
COPY shadow shadow
COPY rollback rollback
RUN HATCH_BUILD_HOOK_ENABLE_CUSTOM=1 /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /build/bin/pip --python /opt/driftgate/bin/python install --no-deps /wheels/*.whl

FROM python:${PYTHON}-slim-bookworm
LABEL org.opencontainers.image.title="driftgate" org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/opt/driftgate/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DRIFTGATE_STATE_DIR=/var/lib/driftgate XDG_RUNTIME_DIR=/run/driftgate
RUN groupadd --gid 10001 driftgate \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/driftgate --shell /usr/sbin/nologin driftgate \
 && install -d -o driftgate -g driftgate -m 0700 /var/lib/driftgate /run/driftgate \
 && install -d -m 0755 /etc/driftgate
COPY --from=build /opt/driftgate /opt/driftgate
USER 10001:10001
WORKDIR /var/lib/driftgate
VOLUME /var/lib/driftgate
EXPOSE 8080 8081
# The supervisor ends its children in order on SIGTERM; give it longer than the ten seconds that docker waits.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["python", "-c", \
    "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
ENTRYPOINT ["driftgate"]
CMD ["serve", "-c", "/etc/driftgate/driftgate.yaml"]
