# Columba in a container. `docker compose up` (compose.yaml) runs web, dispatcher, workers, PostgreSQL and Valkey.
FROM node:20-bookworm-slim AS assets
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY static static
COPY templates templates
RUN npm run build

FROM python:3.11-slim-bookworm
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DATA_DIR=/data
WORKDIR /app
COPY requirements.txt requirements-ifma.txt ./
# `flask` loads the commands of every package before it looks for ours; Flask-Limiter's take long and nobody needs them.
RUN pip install --no-cache-dir --require-hashes -r requirements.txt \
    && rm -f /usr/local/lib/python*/site-packages/[Ff]lask_[Ll]imiter-*.dist-info/entry_points.txt
# `--build-arg IFMA=1` on a processor with AVX-512 IFMA: signs with RSA eight mails at a time, in 170 MB more.
ARG IFMA=
RUN if [ -n "$IFMA" ]; then pip install --no-cache-dir --require-hashes -r requirements-ifma.txt; fi
COPY . .
COPY --from=assets /app/static/dist static/dist
# Nobody may write beside the modules, so each command would compile them anew. The user's number is fixed: its files in
# the volume outlive the image.
RUN pybabel --quiet compile -d campaigns/translations \
    && python -m compileall -q campaigns migrations wsgi.py \
    && useradd --uid 10001 --no-log-init --no-create-home --home /data --shell /usr/sbin/nologin columba \
    && install -d -m 700 -o columba /data \
    && find / -xdev -perm /6000 -type f -exec chmod a-s {} +
USER 10001
VOLUME /data
EXPOSE 8000
CMD ["flask", "--app", "wsgi", "up", "--host", "0.0.0.0"]
