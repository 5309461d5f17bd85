// Servers and proxies that others have made, each in a folder of its own and only on loopback.

#include "support/catch.hpp"
#include "support/certificates.hpp"
#include "support/child_process.hpp"
#include "support/errors.hpp"
#include "support/temporary_directory.hpp"
#include <syncopate/async_generator.hpp>
#include <syncopate/http/client.hpp>
#include <syncopate/http/detail/http2/nghttp2.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/json.hpp>
#include <syncopate/http/multipart.hpp>
#include <syncopate/http/options.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/trace.hpp>

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <ios>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using namespace support;
using namespace syncopate::http;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;
using Strings = std::vector<std::string>;

char const* const nginx_program = "/usr/sbin/nginx";
char const* const haproxy_program = "/usr/sbin/haproxy";
char const* const tinyproxy_program = "/usr/bin/tinyproxy";
char const* const squid_program = "/usr/sbin/squid";
char const* const squid_password_program = "/usr/lib/squid/basic_ncsa_auth";
char const* const squid_digest_program = "/usr/lib/squid/digest_file_auth";
char const* const microsocks_program = "/usr/bin/microsocks";
char const* const apache_program = "/usr/sbin/apache2";
char const* const setpriv_program = "/usr/bin/setpriv";
char const* const gunicorn_program = "/usr/bin/gunicorn";
char const* const httpbin_folder = "/usr/lib/python3/dist-packages/httpbin";
char const* const openssl_program = "/usr/bin/openssl";

/// Whether one of these files is missing. CTest knows a test that was skipped by what is printed.
bool are_missing(std::initializer_list<char const*> files) {
    for (auto const* const file : files)
        if (!fs::exists(file)) {
            WARN("skipped: there is no " << file);
            return true;
        }
    return false;
}

CertificateAuthority const& authority() {
    static CertificateAuthority const instance;
    return instance;
}

SessionOptions trusting() {
    return SessionOptions().ca_certificates(authority().certificate());
}

std::string origin_of(std::uint16_t port) {
    return "http://127.0.0.1:" + std::to_string(port);
}

/// A directory that a server can use that runs as another user.
class PublicDirectory : public TemporaryDirectory {
public:
    PublicDirectory() { fs::permissions(path(), fs::perms::all); }
};

/// Replaces each `{name}`.
std::string filled(
    std::string text, std::vector<std::pair<std::string, std::string>> const& values) {
    for (auto const& [name, value] : values) {
        auto const mark = "{" + name + "}";
        for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at))
            text.replace(at, mark.size(), value);
    }
    return text;
}

/// A server that is started by root becomes another user, and would then outlive this process if that is killed.
Strings command_as(std::string const& user, Strings command) {
    if (::geteuid() == 0)
        command.insert(
            command.begin(), {setpriv_program, "--reuid=" + user, "--regid=" + user,
                              "--clear-groups", "--pdeathsig=TERM", "--"});
    return command;
}

/// Counts the requests that got a new connection, and those that got a used one.
struct ConnectionCount {
    std::atomic<int> created{0};
    std::atomic<int> reused{0};

    Trace trace() {
        return Trace()
            .on_connection_created([this](auto const&) { ++created; })
            .on_connection_reused([this](auto const&) { ++reused; });
    }
};

/// Text of that size, in which no two places look alike.
std::string numbered_text(std::size_t size) {
    std::string text;
    text.reserve(size + 16);
    for (unsigned number = 0; text.size() < size; ++number)
        text += std::to_string(number) + '\n';
    text.resize(size);
    return text;
}

std::string content_of(fs::path const& path) {
    std::string text(fs::file_size(path), '\0');
    std::ifstream file(path, std::ios::binary);
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    return text;
}

syncopate::AsyncGenerator<std::string> pieces_of(std::string text, std::size_t size) {
    for (std::size_t at = 0; at < text.size(); at += size)
        co_yield text.substr(at, size);
}

/// In pieces so small that who receives them is quicker: none has to wait.
syncopate::AsyncGenerator<std::string> endless_stream(int& pieces) {
    for (pieces = 0;; ++pieces)
        co_yield std::string(100, 'x');
}

// --- nginx

char const* const nginx_configuration = R"(
daemon off; master_process off; pid pid; error_log error.log;
events { worker_connections 1024; }
http {
    access_log off; default_type text/plain; root {folder}/files;
    client_body_temp_path 1; proxy_temp_path 2; fastcgi_temp_path 3; uwsgi_temp_path 4; scgi_temp_path 5;
    ssl_certificate certificate.pem; ssl_certificate_key key.pem;
    server {
        listen 127.0.0.1:{port}; listen 127.0.0.1:{tls_port} ssl; listen unix:{folder}/socket;
        listen 127.0.0.1:{http2_port} ssl http2;
        location = /connection { return 200 "$connection $connection_requests"; }
        location = /host { return 200 "$host"; }
        location = /protocol { return 200 "$connection $server_protocol"; }
        location = /short { dav_methods PUT; client_max_body_size 1k; }
        location / { dav_methods PUT DELETE; client_max_body_size 0; }
        location /gzip/ { alias {folder}/files/; gzip on; gzip_types text/plain; gzip_min_length 1; }
    }
    server {
        listen 127.0.0.1:{impatient_port}; listen 127.0.0.1:{impatient_tls_port} ssl; keepalive_requests 3;
        ssl_session_cache shared:all:1m;
        location / { return 200 "$connection $ssl_session_reused"; }
    }
    server {
        listen 127.0.0.1:{private_port} ssl; ssl_client_certificate authority.pem; ssl_verify_client on;
        location / { return 200 "$ssl_client_s_dn"; }
    }
}
)";

class Nginx {
public:
    Nginx() {
        auto const certificate = authority().issue();
        folder_.write("certificate.pem", certificate.chain);
        folder_.write("key.pem", certificate.key);
        folder_.write("authority.pem", authority().certificate());
        fs::create_directory(folder_.path() / "files");
        folder_.write(
            "nginx.conf",
            filled(
                nginx_configuration, {{"folder", folder_.path().string()},
                                      {"port", std::to_string(port)},
                                      {"tls_port", std::to_string(tls_port)},
                                      {"http2_port", std::to_string(http2_port)},
                                      {"impatient_port", std::to_string(impatient_port)},
                                      {"impatient_tls_port", std::to_string(impatient_tls_port)},
                                      {"private_port", std::to_string(private_port)}}));
        start();
    }

    void start() {
        auto const folder = folder_.path().string();
        process_.emplace(
            folder,
            Strings{nginx_program, "-p", folder, "-c", "nginx.conf", "-e", folder + "/error.log"});
        // They are opened in their order above.
        process_->wait_for_port(private_port);
    }
    void stop() { process_.reset(); }

    std::string url(std::string const& target) const { return origin_of(port) + target; }
    std::string tls_url(std::string const& target) const {
        return "https://localhost:" + std::to_string(tls_port) + target;
    }
    /// Three requests a connection.
    std::string impatient_url() const { return origin_of(impatient_port); }
    std::string impatient_tls_url() const {
        return "https://localhost:" + std::to_string(impatient_tls_port);
    }
    /// For those who have a certificate.
    std::string private_url() const { return "https://localhost:" + std::to_string(private_port); }

    std::string socket() const { return (folder_.path() / "socket").string(); }

    /// A file that it serves.
    void write(std::string const& name, std::string_view text) const {
        folder_.write("files/" + name, text);
    }

    std::uint16_t const port = free_port();
    std::uint16_t const tls_port = free_port();
    std::uint16_t const impatient_port = free_port();
    std::uint16_t const impatient_tls_port = free_port();
    std::uint16_t const http2_port = free_port();
    std::uint16_t const private_port = free_port();

private:
    PublicDirectory folder_;
    std::optional<ChildProcess> process_;
};

/// The first word of each text: nginx's number of the connection.
std::set<std::string> connections_in(Strings const& texts) {
    std::set<std::string> numbers;
    for (auto const& text : texts)
        numbers.insert(text.substr(0, text.find(' ')));
    return numbers;
}

}  // namespace

TEST_CASE("nginx gets many requests on one connection") {
    if (are_missing({nginx_program}))
        return;
    Nginx const nginx;
    Client client(trusting());
    for (auto const& url : {nginx.url("/connection"), nginx.tls_url("/connection")}) {
        Strings texts;
        for (int i = 0; i < 100; ++i)
            texts.push_back(client.get(url).raise_for_status().text());
        CHECK(connections_in(texts).size() == 1);
        CHECK_THAT(texts.back(), EndsWith(" 100"));
    }
}

TEST_CASE("Requests succeed while nginx closes each connection after three of them") {
    if (are_missing({nginx_program}))
        return;
    Nginx const nginx;
    Client client(trusting().retry(false));
    for (auto const& url : {nginx.impatient_url(), nginx.impatient_tls_url()}) {
        Strings texts;
        for (int i = 0; i < 6; ++i) {
            texts.push_back(client.get(url).raise_for_status().text());
            texts.push_back(client.post(url, "body").raise_for_status().text());
        }
        CHECK(connections_in(texts).size() == 4);
    }
}

TEST_CASE("nginx resumes a TLS session for the next connection") {
    if (are_missing({nginx_program}))
        return;
    Nginx const nginx;
    Client client(trusting());
    Strings texts;
    for (int i = 0; i < 4; ++i)
        texts.push_back(client.get(nginx.impatient_tls_url()).text());
    CHECK_THAT(texts.front(), EndsWith(" ."));
    CHECK(connections_in(texts).size() == 2);
    CHECK_THAT(texts.back(), EndsWith(" r"));
}

TEST_CASE("64 MiB from nginx come as they are, plain and through TLS") {
    if (are_missing({nginx_program}))
        return;
    constexpr std::size_t piece_size = std::size_t{1024} * 1024;
    constexpr int pieces = 64;
    Nginx const nginx;
    // Each piece differs from its neighbours in its length.
    auto const text = numbered_text(piece_size + pieces);
    auto const expected = [&](int i) {
        return std::string_view(text).substr(static_cast<std::size_t>(i), piece_size);
    };
    std::string whole;
    whole.reserve(pieces * piece_size);
    for (int i = 0; i < pieces; ++i)
        whole += expected(i);
    nginx.write("large", whole);

    Client client(trusting());
    for (auto const& url : {nginx.url("/large"), nginx.tls_url("/large")}) {
        auto stream = client.stream(url);
        CHECK(stream.announced_size() == whole.size());
        int right = 0;
        int all = 0;
        for (std::string const& piece : stream.chunks(piece_size))
            right += piece == expected(all++) ? 1 : 0;
        CHECK(all == pieces);
        CHECK(right == pieces);
    }
    TemporaryDirectory const directory;
    client.download(nginx.tls_url("/large"), directory.path() / "large");
    CHECK((content_of(directory.path() / "large") == whole));
}

TEST_CASE("What nginx compresses comes as it was") {
    if (are_missing({nginx_program}))
        return;
    Nginx const nginx;
    auto const text = numbered_text(1'000'000);
    nginx.write("text", text);
    Client client;
    auto const response = client.get(nginx.url("/gzip/text"));
    CHECK(response.headers()["Content-Encoding"] == "gzip");
    CHECK((response.text() == text));
    Client as_it_is(SessionOptions().decompress(false));
    CHECK_FALSE(as_it_is.get(nginx.url("/gzip/text")).headers().contains("Content-Encoding"));
}

TEST_CASE("nginx knows a client by its certificate") {
    if (are_missing({nginx_program}))
        return;
    Nginx const nginx;
    TemporaryDirectory const directory;
    auto const own = authority().issue_for_client("Ann");
    Client ann(trusting().client_certificate(
        directory.write("chain.pem", own.chain), directory.write("key.pem", own.key)));
    CHECK(ann.get(nginx.private_url()).text() == "CN=Ann");

    Client nobody(trusting());
    auto const refused = nobody.get(nginx.private_url());
    CHECK(refused.status() == 400);
    CHECK_THAT(refused.text(), ContainsSubstring("No required SSL certificate was sent"));
}

TEST_CASE("nginx refuses a body that is too long, and its answer ends an endless one") {
    if (are_missing({nginx_program}))
        return;
    Nginx const nginx;
    Client client(trusting());
    for (auto const& url : {nginx.url("/short"), nginx.tls_url("/short")}) {
        CHECK(client.put(url, std::string(4'000'000, 'x')).status() == 413);
        Request streamed(Verb::put, url);
        int pieces = 0;
        streamed.body_stream(endless_stream(pieces));
        CHECK(client.request(std::move(streamed)).status() == 413);
        // nginx would go on reading for half a minute.
        CHECK(pieces < 100'000);
    }
}

TEST_CASE("nginx stores what is streamed to it, and gives it back") {
    if (are_missing({nginx_program}))
        return;
    Nginx const nginx;
    Client client(trusting());
    auto const text = numbered_text(1'000'000);
    for (auto const& url : {nginx.url("/plain"), nginx.tls_url("/encrypted")}) {
        Request streamed(Verb::put, url);
        streamed.body_stream(pieces_of(text, 12'345));
        CHECK(client.request(std::move(streamed)).status() == 201);
        CHECK((client.get(url).text() == text));
        CHECK(client.head(url).headers()["Content-Length"] == std::to_string(text.size()));
        CHECK(client.del(url).status() == 204);
        CHECK(client.get(url).status() == 404);
    }
}

TEST_CASE("nginx answers over a Unix socket") {
    if (are_missing({nginx_program}))
        return;
    Nginx const nginx;
    Client client(SessionOptions().unix_socket(nginx.socket()));
    CHECK(client.get("http://service.test/host").text() == "service.test");
}

TEST_CASE("nginx gets hundreds of requests at once through a few connections") {
    if (are_missing({nginx_program}))
        return;
    Nginx const nginx;
    Client client(trusting().max_connections(8));
    for (auto const& url : {nginx.url("/connection"), nginx.tls_url("/connection")}) {
        Strings texts;
        for (auto& response : client.get_all(Strings(300, url), 32))
            texts.push_back(response.raise_for_status().text());
        CHECK(texts.size() == 300);
        CHECK(connections_in(texts).size() <= 8);
    }
}

TEST_CASE("An nginx that was restarted is found again") {
    if (are_missing({nginx_program}))
        return;
    Nginx nginx;
    Client client(trusting());
    Strings const urls{nginx.url("/host"), nginx.tls_url("/host")};
    for (auto const& response : client.get_all(urls))
        CHECK(response.status() == 200);
    nginx.stop();
    for (auto const& url : urls)
        CHECK(code_of([&] { return client.get(url); }) == Errc::connect_failed);
    nginx.start();
    for (auto const& url : urls) {
        CHECK(client.post(url, "body").status() == 200);
        CHECK(client.get(url).status() == 200);
    }
    nginx.stop();
    nginx.start();
    for (auto const& url : urls)
        CHECK(client.post(url, "body").status() == 200);
}

// --- haproxy

namespace {

char const* const haproxy_configuration = R"(
global
    maxconn 100
defaults
    mode http
    timeout connect 10s
    timeout client 30s
    timeout server 30s
    timeout http-keep-alive 100ms
frontend here
    bind 127.0.0.1:{port}
    default_backend there
backend there
    server nginx 127.0.0.1:{nginx_port}
)";

/// In front of nginx. Closes a connection after 100 ms without a request.
class Haproxy {
public:
    Haproxy() {
        folder_.write(
            "haproxy.cfg",
            filled(
                haproxy_configuration,
                {{"port", std::to_string(port_)}, {"nginx_port", std::to_string(nginx_.port)}}));
        process_.emplace(
            folder_.path(), Strings{haproxy_program, "-db", "-q", "-f", "haproxy.cfg"});
        process_->wait_for_port(port_);
    }

    std::string url() const { return origin_of(port_) + "/host"; }

private:
    Nginx nginx_;
    std::uint16_t const port_ = free_port();
    TemporaryDirectory folder_;
    std::optional<ChildProcess> process_;
};

}  // namespace

TEST_CASE("A GET succeeds whenever haproxy closes the connection") {
    if (are_missing({nginx_program, haproxy_program}))
        return;
    Haproxy const haproxy;
    ConnectionCount count;
    Client client(SessionOptions().trace(count.trace()));
    // About the time at which it closes, either may be first.
    for (auto const pause : {0, 99, 100, 0, 101, 98, 102, 150, 97, 100, 99, 101, 100, 200, 0}) {
        std::this_thread::sleep_for(std::chrono::milliseconds(pause));
        CHECK(client.get(haproxy.url()).status() == 200);
    }
    CHECK(count.created >= 3);
    CHECK(count.reused >= 1);
}

TEST_CASE("A POST succeeds after haproxy has closed the connection") {
    if (are_missing({nginx_program, haproxy_program}))
        return;
    Haproxy const haproxy;
    ConnectionCount count;
    Client client(SessionOptions().trace(count.trace()));
    // It is not sent twice: that the connection has been closed has to be seen before.
    for (auto const pause : {0ms, 0ms, 400ms, 0ms, 300ms, 0ms}) {
        std::this_thread::sleep_for(pause);
        CHECK(client.post(haproxy.url(), "body").status() == 200);
    }
    CHECK(count.created >= 3);
    CHECK(count.reused >= 1);
}

// --- tinyproxy and squid

namespace {

/// Where it asks for a password, the user is "user", and the password "right".
enum class Password { none, required, by_digest };

class Tinyproxy {
public:
    explicit Tinyproxy(Password password) {
        auto settings = "Listen 127.0.0.1\nPort " + std::to_string(port) +
                        "\nTimeout 30\nMaxClients 50\nLogLevel Warning\n";
        if (password == Password::required)
            settings += "BasicAuth user right\n";
        folder_.write("tinyproxy.conf", settings);
        process_.emplace(folder_.path(), Strings{tinyproxy_program, "-d", "-c", "tinyproxy.conf"});
        process_->wait_for_port(port);
    }

    std::uint16_t const port = free_port();

private:
    TemporaryDirectory folder_;
    std::optional<ChildProcess> process_;
};

char const* const squid_configuration = R"(
http_port 127.0.0.1:{port}
https_port 127.0.0.1:{tls_port} tls-cert={folder}/certificate.pem tls-key={folder}/key.pem
{access}
cache deny all
cache_mem 1 MB
access_log none
cache_log {folder}/cache.log
cache_store_log none
pid_filename none
pinger_enable off
netdb_filename none
coredump_dir {folder}
visible_hostname localhost
max_filedescriptors 1024
shutdown_lifetime 0 seconds
)";

char const* const squid_basic_configuration = R"(
auth_param basic program {basic} {folder}/passwords
auth_param basic children 1
)";
// A nonce is good for a few requests.
char const* const squid_digest_configuration = R"(
auth_param digest program {digest} -c {folder}/digests
auth_param digest children 1
auth_param digest realm squid
auth_param digest nonce_max_count 4
)";
char const* const squid_users_configuration = R"(
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
)";

class Squid {
public:
    explicit Squid(Password password) {
        // As `openssl passwd -1 -salt loopback right` has it, and MD5 of "user:squid:right".
        folder_.write("passwords", "user:$1$loopback$Et1w8zfaQ3/nJenSgZ5Du0\n");
        folder_.write("digests", "user:squid:2b78baa942c8f7bbe0b909505844c728\n");
        std::string access = "http_access allow all";
        if (password != Password::none)
            access = std::string(
                         password == Password::required ? squid_basic_configuration
                                                        : squid_digest_configuration) +
                     squid_users_configuration;
        folder_.write(
            "squid.conf", filled(
                              squid_configuration, {{"access", access},
                                                    {"folder", folder_.path().string()},
                                                    {"basic", squid_password_program},
                                                    {"digest", squid_digest_program},
                                                    {"port", std::to_string(port)},
                                                    {"tls_port", std::to_string(tls_port)}}));
        auto const certificate = authority().issue();
        folder_.write("certificate.pem", certificate.chain);
        folder_.write("key.pem", certificate.key);
        process_.emplace(
            folder_.path(), command_as("proxy", {squid_program, "-N", "-f", "squid.conf"}));
        process_->wait_for_port(port);
        process_->wait_for_port(tls_port);
    }

    std::uint16_t const tls_port = free_port();
    std::uint16_t const port = free_port();

private:
    PublicDirectory folder_;
    std::optional<ChildProcess> process_;
};

SessionOptions through(std::uint16_t port, std::string const& userinfo = "") {
    return trusting().proxy("http://" + userinfo + "127.0.0.1:" + std::to_string(port));
}

/// Requests, plain ones and through tunnels, are answered by nginx.
void check_passage(Nginx const& nginx, SessionOptions options) {
    ConnectionCount count;
    Client client(options.trace(count.trace()));
    // The POST comes first: tinyproxy closes each connection after a response that does not say so.
    CHECK(client.post(nginx.url("/host"), "body").text() == "127.0.0.1");
    CHECK(client.get(nginx.url("/host")).text() == "127.0.0.1");
    CHECK(client.get(nginx.url("/missing")).status() == 404);

    int const before = count.created;
    Strings texts;
    auto const tunnelled = "https://127.0.0.1:" + std::to_string(nginx.tls_port);
    for (int i = 0; i < 5; ++i) {
        texts.push_back(client.get(tunnelled + "/connection").text());
        texts.push_back(client.post(tunnelled + "/connection", "body").text());
    }
    CHECK(connections_in(texts).size() == 1);
    CHECK_THAT(texts.back(), EndsWith(" 10"));
    CHECK(count.created == before + 1);

    auto const large = numbered_text(1'000'000);
    nginx.write("large", large);
    CHECK((client.get(nginx.url("/large")).text() == large));
    CHECK((client.get(tunnelled + "/large").text() == large));
}

/// A plain request gets that status, of the proxy's; and there is no tunnel.
void check_refusal(Nginx const& nginx, SessionOptions const& options, int status) {
    Client client(options);
    CHECK(client.get(nginx.url("/host")).status() == status);
    std::error_code code;
    std::string message;
    try {
        static_cast<void>(client.get(nginx.tls_url("/host")));
    } catch (std::system_error const& error) {
        code = error.code();
        message = error.what();
    }
    CHECK(code == Errc::proxy_failed);
    CHECK_THAT(message, ContainsSubstring(std::to_string(status)));
    CHECK_THAT(message, !ContainsSubstring("wrong"));
}

}  // namespace

TEST_CASE("Requests and tunnels go through tinyproxy") {
    if (are_missing({nginx_program, tinyproxy_program}))
        return;
    Nginx const nginx;
    Tinyproxy const proxy(Password::none);
    check_passage(nginx, through(proxy.port));
}

TEST_CASE("tinyproxy is told a name and a password") {
    if (are_missing({nginx_program, tinyproxy_program}))
        return;
    Nginx const nginx;
    Tinyproxy const proxy(Password::required);
    check_passage(nginx, through(proxy.port, "user:right@"));
    // To a wrong password it answers as if it were the server.
    check_refusal(nginx, through(proxy.port, "user:wrong@"), 401);
    check_refusal(nginx, through(proxy.port), 407);
}

TEST_CASE("Requests and tunnels go through squid") {
    if (are_missing({nginx_program, squid_program, setpriv_program}))
        return;
    Nginx const nginx;
    Squid const proxy(Password::none);
    check_passage(nginx, through(proxy.port));
    check_passage(nginx, trusting().proxy("https://localhost:" + std::to_string(proxy.tls_port)));
}

TEST_CASE("Requests by HTTP/2 share a tunnel through squid") {
    if (are_missing({nginx_program, squid_program, setpriv_program}))
        return;
    if (!syncopate::http::detail::Libnghttp2::get()) {
        WARN("skipped: there is no libnghttp2");
        return;
    }
    Nginx const nginx;
    Squid const proxy(Password::none);
    auto const secure = trusting().proxy("https://localhost:" + std::to_string(proxy.tls_port));
    for (auto const& options : {through(proxy.port), secure}) {
        ConnectionCount count;
        Client client(SessionOptions(options).http2(true).trace(count.trace()));
        auto const origin = "https://localhost:" + std::to_string(nginx.http2_port);
        Strings texts;
        for (auto& response : client.get_all(Strings(50, origin + "/protocol"), 50))
            texts.push_back(response.text());
        CHECK_THAT(texts.front(), EndsWith(" HTTP/2.0"));
        CHECK(texts == Strings(50, texts.front()));
        auto const large = numbered_text(1'000'000);
        CHECK(client.put(origin + "/large", large).status() < 300);
        CHECK((client.get(origin + "/large").text() == large));
        CHECK(count.created == 1);
    }
}

TEST_CASE("squid is told a name and a password") {
    if (are_missing({nginx_program, squid_program, squid_password_program, setpriv_program}))
        return;
    Nginx const nginx;
    Squid const proxy(Password::required);
    check_passage(nginx, through(proxy.port, "user:right@"));
    check_refusal(nginx, through(proxy.port, "user:wrong@"), 407);
    check_refusal(nginx, through(proxy.port), 407);
}

TEST_CASE("squid is told who asks by Digest authentication") {
    if (are_missing({nginx_program, squid_program, squid_digest_program, setpriv_program}))
        return;
    Nginx const nginx;
    Squid const proxy(Password::by_digest);
    check_passage(nginx, through(proxy.port, "user:right@"));
    auto const by_tls = "https://user:right@localhost:" + std::to_string(proxy.tls_port);
    check_passage(nginx, trusting().allow_proxy_basic(false).proxy(by_tls));
    check_refusal(nginx, through(proxy.port, "user:wrong@"), 407);
    check_refusal(nginx, through(proxy.port), 407);
}

TEST_CASE("Requests and tunnels go through microsocks, which is told a name and a password") {
    if (are_missing({nginx_program, microsocks_program}))
        return;
    Nginx const nginx;
    TemporaryDirectory const folder;
    auto const port = free_port();
    ChildProcess const process(
        folder.path(), Strings{
                           microsocks_program, "-i", "127.0.0.1", "-p", std::to_string(port), "-u",
                           "user", "-P", "right"});
    process.wait_for_port(port);
    auto const by = [&](std::string const& scheme_and_user) {
        return trusting().proxy(scheme_and_user + "127.0.0.1:" + std::to_string(port));
    };
    check_passage(nginx, by("socks5h://user:right@"));
    check_passage(nginx, by("socks5://user:right@"));
    for (auto const* const refused : {"socks5h://user:wrong@", "socks5h://"}) {
        Client client(by(refused));
        CHECK(code_of([&] { return client.get(nginx.url("/host")); }) == Errc::proxy_failed);
    }
}

// --- Apache

namespace {

char const* const apache_modules[] = {"mpm_event",  "authn_core",  "authn_file", "authz_core",
                                      "authz_user", "auth_digest", "filter",     "brotli",
                                      "mime",       "ssl"};

char const* const apache_configuration = R"(
ServerRoot {folder}
ServerName localhost
DefaultRuntimeDir {folder}
PidFile pid
Mutex file:{folder}
ErrorLog error.log
TypesConfig /dev/null
AddType text/plain .txt
AddOutputFilterByType BROTLI_COMPRESS text/plain
Listen 127.0.0.1:{port}
Listen 127.0.0.1:{tls_port}
DocumentRoot files
<Location /digest>
    AuthType Digest
    AuthName realm
    AuthDigestProvider file
    AuthUserFile passwords
    Require valid-user
</Location>
<VirtualHost 127.0.0.1:{tls_port}>
    SSLEngine on
    SSLCertificateFile certificate.pem
    SSLCertificateKeyFile key.pem
    SSLCACertificateFile authority.pem
    <Location /private>
        SSLVerifyClient require
    </Location>
</VirtualHost>
)";

/// Serves one text at each of its paths: to everybody, by Digest, and to who has a certificate.
class Apache {
public:
    Apache() {
        auto const certificate = authority().issue();
        folder_.write("certificate.pem", certificate.chain);
        folder_.write("key.pem", certificate.key);
        folder_.write("authority.pem", authority().certificate());
        // The MD5 sum of "user:realm:right".
        folder_.write("passwords", "user:realm:ef93cccbd8260c4327795d33a4299e1b\n");
        for (auto const* const place : {"files", "files/digest", "files/private"}) {
            fs::create_directory(folder_.path() / place);
            folder_.write(std::string(place) + "/text.txt", text);
        }
        std::string modules;
        for (std::string const name : apache_modules)
            modules +=
                "LoadModule " + name + "_module /usr/lib/apache2/modules/mod_" + name + ".so\n";
        folder_.write(
            "apache.conf",
            modules + filled(
                          apache_configuration, {{"folder", folder_.path().string()},
                                                 {"port", std::to_string(port_)},
                                                 {"tls_port", std::to_string(tls_port_)}}));
        process_.emplace(
            folder_.path(), command_as(
                                "www-data", {apache_program, "-X", "-f",
                                             (folder_.path() / "apache.conf").string()}));
        process_->wait_for_port(port_);
        process_->wait_for_port(tls_port_);
    }

    std::string url(std::string const& target) const { return origin_of(port_) + target; }
    std::string tls_url(std::string const& target) const {
        return "https://localhost:" + std::to_string(tls_port_) + target;
    }

    std::string const text = numbered_text(100'000);

private:
    std::uint16_t const port_ = free_port();
    std::uint16_t const tls_port_ = free_port();
    PublicDirectory folder_;
    std::optional<ChildProcess> process_;
};

}  // namespace

TEST_CASE("Apache is told a name and a password by Digest, and compresses by brotli") {
    if (are_missing({apache_program, setpriv_program}))
        return;
    Apache const apache;
    Client client;
    auto const status_for = [&](std::string const& user, std::string const& password) {
        Request request("GET", apache.url("/digest/text.txt"));
        return client.request(request.digest_auth(user, password)).status();
    };
    for (int i = 0; i < 3; ++i)
        CHECK(status_for("user", "right") == 200);
    CHECK(status_for("user", "wrong") == 401);
    CHECK(status_for("nobody", "right") == 401);
    CHECK(client.get(apache.url("/digest/text.txt")).status() == 401);

    auto const response = client.get(apache.url("/text.txt"));
    CHECK(response.headers()["Content-Encoding"] == "br");
    CHECK((response.text() == apache.text));
}

TEST_CASE("Apache asks for a client's certificate after the handshake") {
    if (are_missing({apache_program, setpriv_program}))
        return;
    Apache const apache;
    TemporaryDirectory const directory;
    auto const own = authority().issue_for_client("Ann");
    ConnectionCount count;
    Client ann(trusting()
                   .client_certificate(
                       directory.write("chain.pem", own.chain), directory.write("key.pem", own.key))
                   .trace(count.trace()));
    for (auto const* const target : {"/text.txt", "/private/text.txt", "/private/text.txt"})
        CHECK((ann.get(apache.tls_url(target)).raise_for_status().text() == apache.text));
    CHECK(count.created == 1);

    Client nobody(trusting());
    CHECK(nobody.get(apache.tls_url("/text.txt")).status() == 200);
    CHECK(nobody.get(apache.tls_url("/private/text.txt")).status() == 403);
}

// --- httpbin on gunicorn

namespace {

class Httpbin {
public:
    Httpbin()
        : process_(
              folder_.path(),
              {gunicorn_program, "--bind", "127.0.0.1:" + std::to_string(port_), "--worker-class",
               "gthread", "--threads", "4", "--graceful-timeout", "0", "--worker-tmp-dir", ".",
               "httpbin:app"},
              {"PYTHONDONTWRITEBYTECODE=1"}) {
        process_.wait_for_port(port_);
    }

    std::string url(std::string const& target) const { return origin_of(port_) + target; }

private:
    std::uint16_t const port_ = free_port();
    TemporaryDirectory folder_;
    ChildProcess process_;
};

/// One for all tests of a process: it takes a second to start.
Httpbin const& httpbin() {
    static Httpbin const instance;
    return instance;
}

bool is_httpbin_missing() {
    return are_missing({gunicorn_program, httpbin_folder});
}

/// What is at that place of a JSON text, as text.
std::string at(ClientResponse const& response, std::string_view pointer) {
    auto const json = response.json();
    auto const& value = json.at_pointer(pointer);
    return value.is_string() ? std::string(value.as_string()) : serialize(value);
}

}  // namespace

TEST_CASE("httpbin sees the fields and the query as they were given") {
    if (is_httpbin_missing())
        return;
    Client client;
    Request request(Verb::get, httpbin().url("/get?a=1"));
    request.header("X-One", "one, \"two\"").query("q", "x y&z=\xC3\xA4");
    auto const response = client.request(std::move(request));
    CHECK(at(response, "/headers/X-One") == "one, \"two\"");
    CHECK(at(response, "/headers/Host") == httpbin().url("").substr(7));
    CHECK(at(response, "/args/a") == "1");
    CHECK(at(response, "/args/q") == "x y&z=\xC3\xA4");
}

TEST_CASE("httpbin's redirects are followed") {
    if (is_httpbin_missing())
        return;
    Client client;
    for (auto const* const target :
         {"/redirect/3", "/relative-redirect/3", "/absolute-redirect/3"}) {
        auto const response = client.get(httpbin().url(target));
        CHECK(response.status() == 200);
        CHECK(response.url() == httpbin().url("/get"));
        CHECK(response.history().size() == 3);
    }
    CHECK(code_of([&] {
              return client.get(httpbin().url("/redirect/11"));
          }) == Errc::too_many_redirects);
}

TEST_CASE("httpbin's redirects keep a POST or make it a GET") {
    if (is_httpbin_missing())
        return;
    Client client;
    auto const method_after = [&](std::string const& status) {
        auto const target = "/redirect-to?url=/anything&status_code=" + status;
        auto const response = client.post(httpbin().url(target), "body");
        return at(response, "/method") + ' ' + at(response, "/data");
    };
    CHECK(method_after("301") == "GET ");
    CHECK(method_after("302") == "GET ");
    CHECK(method_after("303") == "GET ");
    CHECK(method_after("307") == "POST body");
    CHECK(method_after("308") == "POST body");
}

TEST_CASE("httpbin is told who asks") {
    if (is_httpbin_missing())
        return;
    Client client;
    auto const url = httpbin().url("/basic-auth/user/right");
    auto const status = [&](Request request) {
        return client.request(std::move(request)).status();
    };
    CHECK(status(Request(Verb::get, url).basic_auth("user", "right")) == 200);
    CHECK(status(Request(Verb::get, url).basic_auth("user", "wrong")) == 401);
    CHECK(client.get(url).status() == 401);
    CHECK(client.get("http://user:right@" + url.substr(7)).status() == 200);

    CHECK(
        at(client.request(Request(Verb::get, httpbin().url("/bearer")).bearer("token")),
           "/token") == "token");
    CHECK(client.get(httpbin().url("/bearer")).status() == 401);
}

TEST_CASE("httpbin's gzip and deflate are decoded") {
    if (is_httpbin_missing())
        return;
    Client client;
    CHECK(at(client.get(httpbin().url("/gzip")), "/gzipped") == "true");
    CHECK(at(client.get(httpbin().url("/deflate")), "/deflated") == "true");
}

TEST_CASE("httpbin's cookies are kept by a client that keeps cookies") {
    if (is_httpbin_missing())
        return;
    Client client(SessionOptions().cookies(true));
    CHECK(at(client.get(httpbin().url("/cookies/set?a=1&b=2")), "/cookies/a") == "1");
    CHECK(at(client.get(httpbin().url("/cookies")), "/cookies/b") == "2");
    CHECK(at(client.get(httpbin().url("/cookies/delete?a")), "/cookies") == R"({"b":"2"})");

    Client forgetful;
    CHECK(at(forgetful.get(httpbin().url("/cookies/set?a=1")), "/cookies") == "{}");
}

TEST_CASE("httpbin's streams come line by line and piece by piece") {
    if (is_httpbin_missing())
        return;
    Client client;
    auto stream = client.stream(httpbin().url("/stream/20"));
    CHECK(stream.headers()["Transfer-Encoding"] == "chunked");
    int lines = 0;
    for (std::string const& line : stream.lines()) {
        CHECK_THAT(line, ContainsSubstring("\"id\": " + std::to_string(lines)));
        ++lines;
    }
    CHECK(lines == 20);

    auto drops = client.stream(httpbin().url("/drip?duration=0.1&numbytes=5&delay=0"));
    int drop = 0;
    for (std::string const& piece : drops.chunks(1))
        drop += piece == "*" ? 1 : 0;
    CHECK(drop == 5);

    auto const bytes = client.get(httpbin().url("/bytes/10000?seed=1")).text();
    CHECK(bytes.size() == 10'000);
    CHECK(
        (client.get(httpbin().url("/stream-bytes/10000?seed=1&chunk_size=7")).text().size() ==
         bytes.size()));
}

TEST_CASE("httpbin gets bodies of all kinds") {
    if (is_httpbin_missing())
        return;
    Client client;
    auto const request = [] { return Request(Verb::post, httpbin().url("/post")); };

    auto const form = client.request(request().form({{"a", "1 2"}, {"b", "\xC3\xA4&="}}));
    CHECK(at(form, "/form/a") == "1 2");
    CHECK(at(form, "/form/b") == "\xC3\xA4&=");

    auto const json = client.request(request().json({{"list", {1, 2, 3}}}));
    CHECK(at(json, "/json/list") == "[1,2,3]");
    CHECK(at(json, "/headers/Content-Type") == "application/json");

    auto const parts = client.request(request().multipart(
        Multipart().field("user", "Ann").file("photo", "a b.png", "bytes", "image/png")));
    CHECK(at(parts, "/form/user") == "Ann");
    CHECK(at(parts, "/files/photo") == "bytes");

    auto const text = numbered_text(200'000);
    auto const streamed = client.request(request().body_stream(pieces_of(text, 1'234)));
    CHECK(at(streamed, "/headers/Transfer-Encoding") == "chunked");
    CHECK((at(streamed, "/data") == text));

    CHECK(at(client.put(httpbin().url("/put"), "body"), "/data") == "body");
    CHECK(at(client.patch(httpbin().url("/patch"), "body"), "/data") == "body");
    CHECK(client.del(httpbin().url("/delete")).status() == 200);
}

TEST_CASE("httpbin's statuses are what they are") {
    if (is_httpbin_missing())
        return;
    Client client;
    auto const teapot = client.get(httpbin().url("/status/418"));
    CHECK(teapot.status() == 418);
    CHECK(teapot.reason() == "I'M A TEAPOT");
    CHECK_THAT(teapot.text(), ContainsSubstring("teapot"));
    CHECK(code_of([&] { return teapot.raise_for_status().status(); }) == Errc::error_status);
    for (int const status : {200, 204, 304, 404, 500, 503})
        CHECK(client.get(httpbin().url("/status/" + std::to_string(status))).status() == status);
    CHECK(client.head(httpbin().url("/get")).text().empty());
    CHECK(client.options(httpbin().url("/get")).headers().contains("Allow"));
}

TEST_CASE("httpbin takes too long, and the next request does not") {
    if (is_httpbin_missing())
        return;
    Client client;
    Request slow(Verb::get, httpbin().url("/delay/2"));
    slow.timeout(200ms);
    CHECK(code_of([&] { return client.request(slow); }) == Errc::total_timed_out);
    CHECK(client.get(httpbin().url("/get")).status() == 200);
}

TEST_CASE("httpbin gets many requests at once") {
    if (is_httpbin_missing())
        return;
    Client client;
    Strings urls;
    for (int i = 0; i < 40; ++i)
        urls.push_back(httpbin().url("/anything/" + std::to_string(i)));
    std::size_t right = 0;
    auto const responses = client.get_all(urls, 10);
    for (std::size_t i = 0; i < urls.size(); ++i)
        right += at(responses.at(i), "/url") == urls[i] ? 1 : 0;
    CHECK(right == urls.size());
}

// --- openssl s_server

namespace {

/// Serves a page about each connection, or the file "text". The body ends with the connection.
class OpensslServer {
public:
    explicit OpensslServer(Certificate const& certificate, Strings const& arguments = {"-www"}) {
        folder_.write("text", numbered_text(100'000));
        auto const leaf = without_intermediates(certificate).chain;
        auto const others = certificate.chain.substr(leaf.size());
        Strings command{openssl_program, "s_server",
                        "-accept",       "127.0.0.1:" + std::to_string(port_),
                        "-cert",         folder_.write("certificate.pem", leaf),
                        "-key",          folder_.write("key.pem", certificate.key)};
        if (!others.empty())
            command.insert(command.end(), {"-cert_chain", folder_.write("chain.pem", others)});
        command.insert(command.end(), arguments.begin(), arguments.end());
        process_.emplace(folder_.path(), command);
        process_->wait_for_port(port_);
    }

    std::string url(std::string const& target = "/") const {
        return "https://localhost:" + std::to_string(port_) + target;
    }

private:
    std::uint16_t const port_ = free_port();
    TemporaryDirectory folder_;
    std::optional<ChildProcess> process_;
};

/// The message of the error with that code; empty if there is none.
std::string refusal(OpensslServer const& server, Errc expected) {
    Client client(trusting());
    try {
        static_cast<void>(client.get(server.url()));
    } catch (std::system_error const& error) {
        if (error.code() != expected)
            throw;
        return error.what();
    }
    return {};
}

std::string refusal(Certificate const& certificate) {
    OpensslServer const server(certificate);
    return refusal(server, Errc::certificate_refused);
}

}  // namespace

TEST_CASE("s_server is trusted with a certificate of the authority's") {
    if (are_missing({openssl_program}))
        return;
    Client client(trusting());
    for (auto const* const version : {"-tls1_2", "-tls1_3"}) {
        OpensslServer const server(authority().intermediate().issue(), {"-www", version});
        CHECK_THAT(
            client.get(server.url()).text(),
            ContainsSubstring(version == std::string_view("-tls1_3") ? "TLSv1.3" : "TLSv1.2"));
    }
}

TEST_CASE("s_server is not trusted with another certificate, and the message says why") {
    if (are_missing({openssl_program}))
        return;
    CHECK_THAT(
        refusal(authority().issue({.valid_until = -60s})),
        ContainsSubstring("certificate has expired"));
    CHECK_THAT(
        refusal(authority().issue({.valid_from = 1h})),
        ContainsSubstring("certificate is not yet valid"));
    CHECK_THAT(refusal(make_self_signed()), ContainsSubstring("self-signed certificate"));
    CHECK_THAT(
        refusal(authority().issue({.alternative_names = "DNS:example.test"})),
        ContainsSubstring("hostname mismatch"));
    CHECK_THAT(
        refusal(without_intermediates(authority().intermediate().issue())),
        ContainsSubstring("unable to get local issuer certificate"));
    CHECK_THAT(
        refusal(CertificateAuthority("another").issue()),
        ContainsSubstring("unable to get local issuer certificate"));
}

TEST_CASE("s_server of any certificate is taken without verification") {
    if (are_missing({openssl_program}))
        return;
    Client client(SessionOptions().verify(false));
    OpensslServer const server(make_self_signed({.valid_until = -60s}));
    CHECK(client.get(server.url()).status() == 200);
}

TEST_CASE("s_server that speaks TLS 1.1 only is refused") {
    if (are_missing({openssl_program}))
        return;
    OpensslServer const server(
        authority().issue(), {"-www", "-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"});
    CHECK_THAT(refusal(server, Errc::tls_failed), ContainsSubstring("protocol version"));
}

TEST_CASE("s_server sees that a TLS session is resumed") {
    if (are_missing({openssl_program}))
        return;
    for (auto const* const version : {"-tls1_2", "-tls1_3"}) {
        OpensslServer const server(authority().issue(), {"-www", version});
        Client client(trusting());
        CHECK_THAT(client.get(server.url()).text(), ContainsSubstring("\nNew, "));
        CHECK_THAT(client.get(server.url()).text(), ContainsSubstring("\nReused, "));
    }
}

TEST_CASE("A file of s_server's ends with its connection") {
    if (are_missing({openssl_program}))
        return;
    OpensslServer const server(authority().issue(), {"-WWW"});
    Client client(trusting());
    CHECK((client.get(server.url("/text")).text() == numbered_text(100'000)));
}
