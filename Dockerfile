# The worker's image, and the command line's: everything, weights included. Nothing is fetched when it runs.
#   docker build -t portraitist .
# PyPI's torch for Linux is the CUDA build, which runs on a processor too. Without a GPU, an image that is several GB smaller:
#   docker build -t portraitist --build-arg TORCH_INDEX=<the index of PyTorch's CPU builds> .
FROM python:3.11-slim AS build
ARG TORCH_INDEX=
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PATH=/venv/bin:$PATH
RUN python -m venv /venv
WORKDIR /src
COPY constraints.txt ./
# torch and torchvision first: they must come from one place, and change less often than we do.
RUN pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} --constraint constraints.txt torch torchvision
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY sdk sdk
COPY workers workers
RUN pip install --constraint constraints.txt '.[worker,s3,metrics,telemetry,http]'

FROM python:3.11-slim
COPY --from=build /venv /venv
# PORTRAITIST_HOME is for an embedded worker, PORTRAITIST_MONITOR for every one; nothing else is written but /tmp.
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp PORTRAITIST_HOME=/data PORTRAITIST_MONITOR=0.0.0.0:9300
# Photos and personas are personal data: they live in one volume that only this user reads.
RUN useradd --uid 1000 portraitist && install -d -o portraitist -g portraitist -m 700 /data
USER portraitist
VOLUME /data
WORKDIR /data
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s --retries=3 CMD ["portraitist", "health"]
ENTRYPOINT ["portraitist"]
CMD ["worker"]
