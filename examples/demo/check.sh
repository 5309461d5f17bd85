#!/usr/bin/env bash
# Runs one test of the demonstration: check.sh <function below> <path of demo> <path of https_server>
set -euo pipefail
demo=$2
https_server=$3

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset SSL_CERT_FILE SSL_CERT_DIR

fetches_from_its_own_server() {
    run_demo
    succeeds_with_pages
}

fetches_from_a_url_whose_certificate_the_system_trusts() {
    start_server DNS:localhost
    SSL_CERT_FILE=$dir/certificate.pem run_demo "https://localhost:$port/"
    succeeds_with_pages
}

keeps_its_connections() {
    start_server IP:127.0.0.1
    SSL_CERT_FILE=$dir/certificate.pem run_demo "https://127.0.0.1:$port/"
    stop_server
    [[ $summary =~ ^[1-3]' connections, 4 requests'$ ]] || fail "the server counted $summary"
}

prints_another_status_as_it_is() {
    start_server DNS:localhost
    SSL_CERT_FILE=$dir/certificate.pem run_demo "https://localhost:$port/nowhere?to=go#there"
    [ "$status" -eq 0 ] || fail "it ended with status $status"
    [ "$(grep -c '^got 404 in loop [0-9]* in ' "$dir/out")" -eq 4 ] || fail "not four times 404"
    [ "$(tail -n 1 "$dir/out")" = "got 1 lines" ] || fail "the body is not one line"
}

refuses_a_wrong_url() {
    local url
    for url in '' nonsense ftp://localhost/ https:// https:/// https://:443/ https://a@b@localhost/ \
        https://localhost:99999/ https://localhost:0/ https://localhost:-1/ \
        https://localhost:80:80/ 'https://local host/' 'https://localhost\@example.org/' \
        'https://[::1/' 'https://[]/' 'https://[::1]443/' 'https://[localhost]/' \
        $'https://localhost/\nX: y' https://lo%63alhost/ https://.localhost/; do
        run_demo "$url"
        fails_with '"' ': invalid URL'
    done
}

refuses_more_than_one_argument() {
    run_demo https://localhost/ https://localhost/
    fails_with "usage: demo [URL]"
}

reports_an_unknown_host() {
    # Where there is no network, the resolver would go on asking for a minute.
    RES_OPTIONS="timeout:1 attempts:1" run_demo https://no-such-host.invalid/
    fails_with "no-such-host.invalid: " ": host not found"
}

reports_a_refused_connection() {
    start listen
    stop_server
    run_demo "https://127.0.0.1:$port/"
    fails_with "https://127.0.0.1:$port: Connection refused: cannot connect"
    run_demo "http://user:password@127.0.0.1:$port/"
    fails_with "http://127.0.0.1:$port: Connection refused: cannot connect"
}

reports_a_server_without_tls() {
    start listen '220 welcome'
    run_demo "https://127.0.0.1:$port/"
    fails_with "https://127.0.0.1:$port: " ": TLS handshake failed"
}

reports_a_silent_server() {
    start listen
    run_demo "https://127.0.0.1:$port/"
    fails_with "https://127.0.0.1:$port: TLS handshake timed out"
}

reports_a_response_that_breaks_off() {
    start_server DNS:localhost
    SSL_CERT_FILE=$dir/certificate.pem run_demo "https://localhost:$port/broken"
    fails_with "https://localhost:$port: stream truncated: the response broke off"
}

does_not_trust_a_self_signed_certificate() {
    start_server DNS:localhost
    run_demo "https://localhost:$port/"
    fails_with "https://localhost:$port: self-signed certificate: certificate refused"
}

does_not_trust_a_certificate_of_another_host() {
    start_server DNS:example.org
    SSL_CERT_FILE=$dir/certificate.pem run_demo "https://localhost:$port/"
    fails_with "https://localhost:$port: hostname mismatch: certificate refused"
    SSL_CERT_FILE=$dir/certificate.pem run_demo "https://127.0.0.1:$port/"
    fails_with "https://127.0.0.1:$port: IP address mismatch: certificate refused"
}

# A server that only listens; with a greeting, it says that to every client.
listen() {
    # shellcheck disable=SC2016 # The variables are Perl's.
    exec perl -M'IO::Socket::INET' -e '
        my ($greeting) = @ARGV;
        my $socket = IO::Socket::INET->new(Listen => 8, LocalAddr => "127.0.0.1") or die $!;
        $| = 1;
        print $socket->sockport, "\n";
        my $greeter = $greeting ? fork : undef;
        if (defined $greeter && $greeter == 0) {
            my @clients;
            while (my $client = $socket->accept) {
                print {$client} "$greeting\r\n";
                $client->flush;
                push @clients, $client;
            }
        }
        <STDIN>;
        kill "TERM", $greeter if $greeter;
    ' "$@"
}

start_server() {
    start "$https_server" "$1" "$dir/certificate.pem"
}

# Starts a program that prints its port and ends with its standard input: with this script at the
# latest.
start() {
    mkfifo "$dir/to" "$dir/from"
    "$@" < "$dir/to" > "$dir/from" &
    exec 3> "$dir/to" 4< "$dir/from"
    read -r port <&4
}

stop_server() {
    exec 3>&-
    read -r summary <&4 || summary=nothing
    wait
}

run_demo() {
    status=0
    "$demo" "$@" > "$dir/out" 2> "$dir/err" || status=$?
}

succeeds_with_pages() {
    [ "$status" -eq 0 ] || fail "it ended with status $status"
    [ ! -s "$dir/err" ] || fail "it wrote to standard error"
    [ "$(tail -n 1 "$dir/out")" = "got 624 lines" ] || fail "it did not get 624 lines"

    local got
    got=$(head -n -1 "$dir/out")
    [ "$(wc -l <<< "$got")" -eq 4 ] || fail "it did not fetch four times"
    ! grep -Evq '^got 200 in loop [0-9]+ in [A-Za-z0-9-]+$' <<< "$got" || fail "a line is odd"
    [ "$(awk '{ print $5 }' <<< "$got" | sort -u | wc -l)" -eq 1 ] || fail "more than one loop"
    [ "$(awk '{ print $7 }' <<< "$got" | sort | xargs)" = "MainThread Thread-1 Thread-2 Thread-3" ] \
        || fail "not the four threads"
}

# One line on standard error, which begins so, and ends so; status 1.
fails_with() {
    [ "$status" -eq 1 ] || fail "it ended with status $status, and not with 1"
    [ "$(wc -l < "$dir/err")" -eq 1 ] || fail "not one line on standard error"
    [[ $(< "$dir/err") == "demo: $1"*"${2-}" ]] || fail "the message is not: demo: $1 … ${2-}"
}

fail() {
    echo "$1; output and errors:"
    cat "$dir/out" "$dir/err"
    exit 1
}

"$1"
