# syntax=docker/dockerfile:1
# pushserver in an image: one layer of ours over Python's, no root, nothing to write but
# /var/lib/pushserver. Make the wheel first, with scripts/release:
#
#   docker build --tag pushserver .
FROM python:3.13-slim-bookworm AS build
COPY deploy/install /source/deploy/
COPY requirements.lock /source/
COPY dist/*.whl /source/
RUN /source/deploy/install /source/pushserver-*.whl /opt/pushserver \
    && mkdir -p /image/opt /image/var/lib/pushserver \
    && chmod 1777 /image/var/lib/pushserver \
    && cp -a /opt/pushserver /image/opt/

FROM python:3.13-slim-bookworm
COPY --from=build /image/ /
# Beyond loopback somebody has to decide about keys; see docs/security.md.
ENV PUSHSERVER_HOST=0.0.0.0 \
    PUSHSERVER_DEVICE_KEYS=required \
    PUSHSERVER_DATABASE=sqlite:////var/lib/pushserver/pushserver.db
VOLUME /var/lib/pushserver
WORKDIR /var/lib/pushserver
# Any user will do: the folder is everybody's, and what is made in it one's own.
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/opt/pushserver/bin/python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/readyz', timeout=4)"]
ENTRYPOINT ["/opt/pushserver/bin/pushserver"]
CMD ["serve"]
