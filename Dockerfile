# The worker's image, and the command line's: everything, weights included. Nothing is fetched when it runs.
#   docker build -t portraitist .                                                              processor
#   docker build -t portraitist --build-arg TORCH_INDEX=https://pypi.org/simple .              NVIDIA GPU
FROM python:3.11-slim

# torch and torchvision must come from one place: PyPI's Linux build is the CUDA one, several GB larger.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PORTRAITIST_HOME=/data

WORKDIR /app
COPY constraints.txt ./
RUN pip install --index-url "$TORCH_INDEX" --constraint constraints.txt torch torchvision
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY sdk sdk
COPY workers workers
RUN pip install --constraint constraints.txt '.[worker]'

# Photos and personas are personal data: they live in one volume that only this user reads.
RUN useradd --create-home --uid 1000 portraitist && install -d -o portraitist -g portraitist -m 700 /data
USER portraitist
VOLUME /data
WORKDIR /data

# Light on purpose: no torch. (`portraitist doctor` looks at everything.)
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import portraitist, sys; sys.exit(not portraitist.connect().describe()['here'])"]

ENTRYPOINT ["portraitist"]
CMD ["worker"]
