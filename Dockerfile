# c10k in a container:
#
#   docker build -t c10k .
#   docker run --rm -it --ulimit nofile=1048576:1048576 --security-opt seccomp=unconfined \
#     -v "$PWD/results:/runs/results" c10k run
#
# Descriptors: a connection takes one at either end. Without --ulimit the daemon's limit holds, and a run with
# ten thousand connections says which limit is too low.
# io_uring: the default seccomp profiles of Docker and containerd refuse io_uring_setup(2), so the io-uring models
# are left out, with that reason. --security-opt seccomp=unconfined lets them run; so does a profile of your own that
# allows io_uring_setup, io_uring_enter and io_uring_register.
# System calls: `c10k run --syscalls` needs strace (it is here) and --cap-add SYS_PTRACE.
# `c10k doctor` says what else would spoil a measurement, such as a quota of CPU time (--cpus). Better give
# whole processors: --cpuset-cpus.

# What it is built with; .devcontainer uses this stage alone.
FROM docker.io/library/rust:1.95-slim-bookworm AS tools
RUN rustup component add clippy rustfmt \
 && apt-get update \
 && apt-get install -y --no-install-recommends git man-db groff-base python3 python3-venv redis-server strace \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src

FROM tools AS build
COPY Cargo.toml Cargo.lock ./
COPY src src
COPY plans plans
COPY results/schema results/schema
COPY protocol protocol
COPY servers servers
COPY loadgen loadgen
COPY benches benches
# Targets of the manifest that are not built still have to be there.
COPY tests tests
COPY README.md LICENSE-MIT LICENSE-APACHE ./
RUN cargo build --release --locked --bin c10k \
 && strip target/release/c10k

FROM docker.io/library/debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends strace \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/target/release/c10k /usr/local/bin/c10k
COPY LICENSE-MIT LICENSE-APACHE /usr/local/share/doc/c10k/
# Runs are written below the working folder.
WORKDIR /runs
ENTRYPOINT ["c10k"]
CMD ["doctor"]
