#!/usr/bin/env bash
# Compiles the examples of this folder, runs each against its real server, and compares what it prints. For a system whose
# Boost has Redis, MQTT5 and MySQL, and that has the servers: Debian 13 with libboost1.88-dev, libboost-charconv1.88-dev,
# libssl-dev, redis-server, mosquitto, mariadb-server.
#
#   examples/servers/run.sh            writes docs/results/servers.md
#
# CXX: the compiler. CXXFLAGS: further flags. REDIS_SERVER, MOSQUITTO, MARIADBD, MARIADB_INSTALL_DB: the commands of the
# servers.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$root/build/servers
mkdir -p "$build"
read -r -a flags <<< "${CXXFLAGS-}"
read -r -a redis_server <<< "${REDIS_SERVER:-redis-server}"
read -r -a mosquitto <<< "${MOSQUITTO:-mosquitto}"
read -r -a mariadbd <<< "${MARIADBD:-mariadbd}"
read -r -a mariadb_install_db <<< "${MARIADB_INSTALL_DB:-mariadb-install-db}"
redis_port=16379
mqtt_port=18830
mysql_port=13306

servers=()
# shellcheck disable=SC2317 # the trap calls it
clean_up() {
    [ "${#servers[@]}" = 0 ] || kill "${servers[@]}" 2> /dev/null || true
    wait
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

# make_database: an empty one, with a user who may use it. Each run makes its own.
make_database() {
    rm -rf "$build/mariadb"
    mkdir -p "$build/mariadb"
    "${mariadb_install_db[@]}" --no-defaults --user="$(id -un)" --datadir="$build/mariadb" --skip-test-db \
        > "$build/mariadb.log" 2>&1 || { cat "$build/mariadb.log" >&2; exit 1; }
    cat > "$build/mariadb.sql" << 'END'
CREATE DATABASE shop;
CREATE USER tester@'%' IDENTIFIED BY 'secret';
GRANT ALL ON shop.* TO tester@'%';
END
}

failed=0
# check NAME SERVER PORT [LIBRARY...]
check() {
    local source=$root/examples/servers/$1.cpp program=$build/$1 result=passed
    if ! [ "$program" -nt "$source" ]; then
        "${CXX:-c++}" -std=c++20 -O1 -pthread "${flags[@]}" -I "$root/include" "$source" -o "$program" \
            "${@:4}" -lssl -lcrypto
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
make_database
start "$mysql_port" "${mariadbd[@]}" --no-defaults --user="$(id -un)" --datadir="$build/mariadb" \
    --socket=mysql.sock --bind-address=127.0.0.1 --port="$mysql_port" --init-file="$build/mariadb.sql"

page=$root/docs/results/servers.md
version=$(git -C "$root" describe --always --dirty)
{
    # Up to the date, as it stands.
    sed '/^20[0-9-]*, version/,$d' "$page"
    # shellcheck source=/dev/null
    system=$(. /etc/os-release && echo "$PRETTY_NAME")
    boost=$(echo BOOST_LIB_VERSION | "${CXX:-c++}" "${flags[@]}" -E -P -x c++ -include boost/version.hpp - | tail -n 1)
    echo "$(date -u +%F), version $version, Boost $(tr -d '"' <<< "$boost" | tr _ .) and the servers of $system," \
        "$("${CXX:-c++}" --version | head -n 1), $(uname -sm):"
    echo
    echo "| program | server | lines of the client | of the program | result |"
    echo "| --- | --- | ---: | ---: | --- |"
    check redis "$("${redis_server[@]}" --version | sed -E 's/.*v=([0-9.]+).*/Redis \1/')" "$redis_port"
    check mqtt "$("${mosquitto[@]}" -h | sed -nE '1s/mosquitto version ([0-9.]+).*/Mosquitto \1/p')" "$mqtt_port"
    # Debian's Boost.Charconv is a static library, and wants GCC's numbers of 128 bits.
    check mysql "$("${mariadbd[@]}" --version | sed -nE 's/.* ([0-9.]+)-MariaDB.*/MariaDB \1/p')" "$mysql_port" \
        -lboost_charconv -lquadmath
} > "$build/servers.md"
cat "$build/servers.md" > "$page"
exit "$failed"
