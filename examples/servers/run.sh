#!/usr/bin/env bash
# Compiles the examples of this folder, runs each against its real server, and compares what it prints. For a system whose
# Boost has Redis and MQTT5, and that has the servers: Debian 13 with libboost1.88-dev, libssl-dev, redis-server, mosquitto.
#
#   examples/servers/run.sh            prints the table of docs/results/servers.md
#
# CXX: the compiler. CXXFLAGS: further flags. REDIS_SERVER, MOSQUITTO: the commands of the servers.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$root/build/servers
mkdir -p "$build"
read -r -a flags <<< "${CXXFLAGS-}"
read -r -a redis_server <<< "${REDIS_SERVER:-redis-server}"
read -r -a mosquitto <<< "${MOSQUITTO:-mosquitto}"
redis_port=16379
mqtt_port=18830

servers=()
# shellcheck disable=SC2317 # the trap calls it
clean_up() {
    [ "${#servers[@]}" = 0 ] || kill "${servers[@]}" 2> /dev/null || true
}
trap clean_up EXIT

# start PORT COMMAND...: waits until the server takes connections.
start() {
    local port=$1
    shift
    "$@" > "$build/server.$port.log" 2>&1 &
    servers+=("$!")
    for _ in {1..100}; do
        (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null && return
        sleep 0.1
    done
    cat "$build/server.$port.log" >&2
    echo "examples/servers/run.sh: ${1} does not start" >&2
    exit 1
}

failed=0
# check NAME SERVER PORT
check() {
    local source=$root/examples/servers/$1.cpp program=$build/$1 result=passed
    if ! [ "$program" -nt "$source" ]; then
        "${CXX:-c++}" -std=c++20 -O1 -pthread "${flags[@]}" -I "$root/include" "$source" -o "$program" -lssl -lcrypto
    fi
    if ! timeout 60 "$program" "$3" | diff "$root/examples/servers/$1.expected.txt" - >&2; then
        result=FAILED
        failed=1
    fi
    echo "| [$1.cpp](../../examples/servers/$1.cpp) | $2 | $(sed -n '/^class /,/^};/p' "$source" | grep -cE '[a-z;]')" \
        "| $(grep -cE '[a-z;]' "$source") | $result |"
}

start "$redis_port" "${redis_server[@]}" --port "$redis_port" --bind 127.0.0.1 --save ""
start "$mqtt_port" "${mosquitto[@]}" -p "$mqtt_port"
echo "| program | server | lines of the client | of the program | result |"
echo "| --- | --- | ---: | ---: | --- |"
check redis "$("${redis_server[@]}" --version | sed -E 's/.*v=([0-9.]+).*/Redis \1/')" "$redis_port"
check mqtt "$("${mosquitto[@]}" -h | sed -nE '1s/mosquitto version ([0-9.]+).*/Mosquitto \1/p')" "$mqtt_port"
exit "$failed"
