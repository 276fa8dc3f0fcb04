# moto's server with just-in-time provisioning in AWS IoT.
#   docker build --tag moto_jitp . && docker run --rm --publish 127.0.0.1:5000:5000 moto_jitp

FROM python:3.12-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY moto_jitp moto_jitp
COPY conftest_plugin conftest_plugin
RUN python -m venv /opt/moto_jitp \
    && /opt/moto_jitp/bin/pip install --no-cache-dir '.[mqtt,server]'

FROM python:3.12-slim
COPY --from=build /opt/moto_jitp /opt/moto_jitp
RUN useradd --system --create-home --uid 10001 jitp
USER jitp
WORKDIR /home/jitp
ENV PATH=/opt/moto_jitp/bin:$PATH PYTHONUNBUFFERED=1
# 8883 and 8443 are for devices: --mqtt-port 8883 --https-port 8443
EXPOSE 5000 8443 8883
# The image has no curl; urllib raises if the answer is an error.
HEALTHCHECK --interval=2s --timeout=5s --start-period=30s --retries=15 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:5000/moto-api/jitp/ready')"]
ENTRYPOINT ["moto-jitp", "serve", "--host", "0.0.0.0", "--port", "5000"]
