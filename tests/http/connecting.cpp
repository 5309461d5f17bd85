// How a connection comes about: the look-up of a name, the attempts to connect, and the tunnel of a proxy.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/groups.hpp"
#include "support/loops.hpp"
#include "support/raw_server.hpp"
#include "support/tasks.hpp"
#include "support/temporary_directory.hpp"
#include <syncopate/detail/task/caller_executor.hpp>
#include <syncopate/http/detail/connection/environment_proxies.hpp>
#include <syncopate/http/detail/connection/proxy.hpp>
#include <syncopate/http/detail/connection/proxy_tunnel.hpp>
#include <syncopate/http/detail/connection/socket.hpp>
#include <syncopate/http/detail/connection/tcp_connect.hpp>
#include <syncopate/http/detail/lookup/lookup_threads.hpp>
#include <syncopate/http/detail/lookup/resolver.hpp>
#include <syncopate/http/detail/message/basic_auth.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/url.hpp>
#include <syncopate/timeout.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <future>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using namespace syncopate::http;
using namespace syncopate::http::detail;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::Equals;

asio::ip::address const ipv4_loopback = asio::ip::address_v4::loopback();
asio::ip::address const ipv6_loopback = asio::ip::address_v6::loopback();
Addresses const only_ipv4 = {ipv4_loopback};
Addresses const only_ipv6 = {ipv6_loopback};
Addresses const both_loopbacks = {ipv6_loopback, ipv4_loopback};

/// Name servers of a test. They answer when they are released, and may be asked by threads that outlive it.
class Names {
public:
    Names() = default;
    Names(Names const&) = delete;
    Names& operator=(Names const&) = delete;
    ~Names() { release(); }

    LookupFunction function() const {
        return [state = state_](std::string host) { return state->look_up(std::move(host)); };
    }
    void release() { state_->released.open(); }

    /// How often they have been asked.
    int asked() const { return state_->asked; }
    int most_at_once() const { return state_->most_at_once; }

private:
    struct State {
        Addresses look_up(std::string host) {
            ++asked;
            int const now = ++at_once;
            for (int most = most_at_once;
                 most < now && !most_at_once.compare_exchange_weak(most, now);) {
            }
            if (!host.starts_with("quick"))
                released.wait();
            --at_once;
            if (host.starts_with("unknown"))
                throw_error(Errc::host_not_found, host + ": no such name");
            // Not both_loopbacks: the process may be ending by now.
            return {ipv6_loopback, ipv4_loopback};
        }

        Gate released;
        std::atomic<int> asked{0};
        std::atomic<int> at_once{0};
        std::atomic<int> most_at_once{0};
    };

    std::shared_ptr<State> const state_ = std::make_shared<State>();
};

/// What a task throws, as "CODE: MESSAGE".
template <class Runner, class Task>
std::string failure_of(Runner& runner, Task task) {
    try {
        runner.run(std::move(task));
    } catch (std::system_error const& error) {
        return error.what();
    }
    return "none";
}

std::size_t open_files() {
    std::filesystem::directory_iterator const files("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

/// A bound socket, which refuses connections until it listens.
class Bound {
public:
    static Bound ipv4(std::uint16_t port = 0) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return {reinterpret_cast<sockaddr const*>(&address), sizeof address};
    }
    static Bound ipv6() {
        sockaddr_in6 address{};
        address.sin6_family = AF_INET6;
        address.sin6_addr = in6addr_loopback;
        return {reinterpret_cast<sockaddr const*>(&address), sizeof address};
    }
    static Bound unix_socket(std::string const& path) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        return {reinterpret_cast<sockaddr const*>(&address), sizeof address};
    }

    Bound(sockaddr const* address, socklen_t size)
        : socket_(::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0)),
          is_bound_(::bind(socket_, address, size) == 0) {}
    Bound(Bound&& other) noexcept
        : socket_(std::exchange(other.socket_, -1)), is_bound_(other.is_bound_) {}
    Bound& operator=(Bound&&) = delete;
    ~Bound() {
        if (socket_ >= 0)
            ::close(socket_);
    }

    bool is_bound() const noexcept { return is_bound_; }
    std::uint16_t port() const {
        sockaddr_in6 address{};  // sin6_port lies where sin_port does
        socklen_t size = sizeof address;
        ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
        return ntohs(address.sin6_port);
    }

    /// From then on it has room for that many connections that nobody accepts, and one more.
    void listen(int backlog = 16) const { ::listen(socket_, backlog); }
    bool has_connection() const {
        pollfd incoming{socket_, POLLIN, 0};
        return ::poll(&incoming, 1, 0) == 1;
    }
    void accept_and_close() const { ::close(::accept(socket_, nullptr, nullptr)); }

private:
    int socket_;
    bool is_bound_;
};

/// One port on both loopback addresses.
struct BothFamilies {
    Bound ipv6;
    Bound ipv4;
    std::uint16_t port() const { return ipv6.port(); }
};

BothFamilies bind_both() {
    for (;;) {
        auto ipv6 = Bound::ipv6();
        if (auto ipv4 = Bound::ipv4(ipv6.port()); ipv4.is_bound())
            return {std::move(ipv6), std::move(ipv4)};
    }
}

asio::awaitable<Socket> connected(
    Addresses addresses, std::uint16_t port, std::string origin = "http://a.test") {
    auto const executor = syncopate::detail::without_caller(co_await asio::this_coro::executor);
    co_return co_await connect_tcp(std::move(addresses), port, std::move(origin), executor);
}

asio::awaitable<Socket> connected_to_path(std::string path) {
    auto const executor = syncopate::detail::without_caller(co_await asio::this_coro::executor);
    co_return co_await connect_unix(std::move(path), "http://a.test", executor);
}

/// Fills a backlog, so that nobody else is answered.
template <class Runner>
Socket fill(Runner& runner, Bound const& server, Addresses const& address) {
    server.listen(0);
    return runner.run(connected(address, server.port()));
}

/// Connects, and gives the family of the peer.
asio::awaitable<int> family_of_peer(Addresses addresses, std::uint16_t port) {
    auto const socket = co_await connected(std::move(addresses), port);
    co_return socket.remote_endpoint().protocol().family();
}

/// Whether the task ends as a cancelled one does, when it is cancelled at some point after its start.
template <class Runner, class MakeTask>
bool ends_when_stopped(Runner& runner, MakeTask make_task) {
    Gate started;
    auto const task = [&]() -> asio::awaitable<void> {
        started.open();
        co_await make_task();
    };
    return code_of([&] { run_and_stop(runner, started, task); }) == syncopate::Errc::cancelled;
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("A look-up gives the addresses in the function's order", "", EveryLoop) {
    Names names;
    names.release();
    TestType loop;
    Resolver resolver(1h, names.function());
    CHECK(loop.runner.run(resolver.resolve("a.test")) == both_loopbacks);
}

TEST_CASE("A look-up asks the system unless it is told otherwise") {
    OnRunner loop;
    Resolver resolver(1h);
    auto const addresses = loop.runner.run(resolver.resolve("localhost"));
    CHECK(std::ranges::all_of(addresses, [](auto const& each) { return each.is_loopback(); }));
    CHECK_FALSE(addresses.empty());
}

TEST_CASE("The system's refusal of a name is an error that names it") {
    OnRunner loop;
    Resolver resolver(1h);
    CHECK(code_of([&] { loop.runner.run(resolver.resolve("a..b")); }) == Errc::host_not_found);
    CHECK_THAT(
        failure_of(loop.runner, resolver.resolve("a..b")),
        Equals("a..b: Name or service not known: host not found"));
}

TEST_CASE("Requests for a name share a look-up, whatever its case") {
    Names names;
    OnThreadRunner loop;
    Resolver resolver(1h, names.function());
    auto first = loop.runner.run_as_future(resolver.resolve("a.test"));
    auto second = loop.runner.run_as_future(resolver.resolve("A.Test"));
    loop.runner.run(nothing());
    names.release();
    CHECK(first.get() == both_loopbacks);
    CHECK(second.get() == both_loopbacks);
    CHECK(names.asked() == 1);
}

TEST_CASE("A failed look-up fails for all that share it") {
    Names names;
    OnThreadRunner loop;
    Resolver resolver(1h, names.function());
    auto first = loop.runner.run_as_future(resolver.resolve("unknown.test"));
    auto second = loop.runner.run_as_future(resolver.resolve("unknown.test"));
    loop.runner.run(nothing());
    names.release();
    CHECK(code_of([&] { first.get(); }) == Errc::host_not_found);
    CHECK(code_of([&] { second.get(); }) == Errc::host_not_found);
}

TEMPLATE_LIST_TEST_CASE(
    "A request that is cancelled does not wait for its look-up", "", EveryLoop) {
    Names names;
    TestType loop;
    Resolver resolver(1h, names.function());
    auto const resolve = [&] { return resolver.resolve("a.test"); };
    CHECK(ends_when_stopped(loop.runner, resolve));
    CHECK(ends_when_stopped(loop.runner, resolve));
    CHECK(names.asked() <= 1);
}

TEST_CASE("A request that is cancelled leaves the look-up to those that share it") {
    Names names;
    OnThreadRunner loop;
    Resolver resolver(1h, names.function());
    auto other = loop.runner.run_as_future(resolver.resolve("a.test"));
    CHECK(ends_when_stopped(loop.runner, [&] { return resolver.resolve("a.test"); }));
    names.release();
    CHECK(other.get() == both_loopbacks);
    CHECK(names.asked() == 1);
}

TEST_CASE("A look-up goes on without those who wanted it, for those who come") {
    Names names;
    OnThreadRunner loop;
    Resolver resolver(1h, names.function());
    auto const resolve = [&] { return resolver.resolve("a.test"); };
    CHECK(ends_when_stopped(loop.runner, resolve));
    auto later = loop.runner.run_as_future(resolve());
    loop.runner.run(nothing());
    names.release();
    CHECK(later.get() == both_loopbacks);
    CHECK(names.asked() == 1);
}

TEST_CASE("A runner closes although a look-up does not end") {
    Names names;
    Resolver resolver(1h, names.function());
    {
        OnThreadRunner loop;
        loop.runner.start_soon(
            [&]() -> asio::awaitable<void> { co_await resolver.resolve("a.test"); });
        while (names.asked() == 0)
            std::this_thread::yield();
    }
    CHECK(names.asked() == 1);
}

TEST_CASE("A loop is destroyed although a look-up does not end") {
    Names names;
    Resolver resolver(1h, names.function());
    {
        asio::io_context context;
        auto const task = [&]() -> asio::awaitable<void> {
            Tracked const frame;
            co_await resolver.resolve("a.test");
        };
        asio::co_spawn(context, task, asio::detached);
        context.poll();
        CHECK(Tracked::alive() > 0);
    }
    CHECK(Tracked::alive() == 0);
}

TEST_CASE("Cancellation and the end of a look-up may come at the same time") {
    OnThreadRunner loop;
    for (int i = 0; i < 300; ++i) {
        Names names;
        Resolver resolver(1h, names.function());
        std::stop_source source;
        auto result = std::async(std::launch::async, [&] {
            return code_of(
                [&] { loop.runner.run(resolver.resolve("a.test"), source.get_token()); });
        });
        std::jthread const releaser([&] { names.release(); });
        source.request_stop();
        auto const code = result.get();
        CHECK((!code || code == syncopate::Errc::cancelled));
    }
}

TEST_CASE("Addresses are remembered for the cache time, failures are not") {
    Names names;
    names.release();
    OnThreadRunner loop;
    Resolver resolver(1h, names.function());
    loop.runner.run(resolver.resolve("a.test"));
    loop.runner.run(resolver.resolve("a.test"));
    CHECK(names.asked() == 1);
    CHECK_THROWS(loop.runner.run(resolver.resolve("unknown.test")));
    CHECK_THROWS(loop.runner.run(resolver.resolve("unknown.test")));
    CHECK(names.asked() == 3);
}

TEST_CASE("After the cache time, and without one, a name is looked up again") {
    Names names;
    names.release();
    OnThreadRunner loop;
    for (auto const cache_time : {1ns, 0ns, -1ns}) {
        int const before = names.asked();
        Resolver resolver(cache_time, names.function());
        loop.runner.run(resolver.resolve("a.test"));
        std::this_thread::sleep_for(1us);
        loop.runner.run(resolver.resolve("a.test"));
        CHECK(names.asked() == before + 2);
    }
}

TEST_CASE("Any cache time will do") {
    Names names;
    names.release();
    OnThreadRunner loop;
    Resolver resolver(std::chrono::nanoseconds::max(), names.function());
    loop.runner.run(resolver.resolve("a.test"));
    loop.runner.run(resolver.resolve("a.test"));
    CHECK(names.asked() == 1);
}

TEST_CASE("The name that was looked up first is forgotten first") {
    Names names;
    names.release();
    OnThreadRunner loop;
    Resolver resolver(1h, names.function());
    auto const name = [](int number) { return std::to_string(number) + ".test"; };
    int const count = static_cast<int>(Resolver::max_names) + 1;
    for (int i = 0; i < count; ++i)
        loop.runner.run(resolver.resolve(name(i)));
    loop.runner.run(resolver.resolve(name(1)));
    CHECK(names.asked() == count);
    loop.runner.run(resolver.resolve(name(0)));
    CHECK(names.asked() == count + 1);
}

TEST_CASE("Look-ups beyond the most threads wait for one") {
    Names names;
    OnThreadRunner loop;
    Resolver resolver(1h, names.function());
    int const most = static_cast<int>(LookupThreads::max_threads);
    std::vector<std::future<Addresses>> all;
    all.reserve(static_cast<std::size_t>(2 * most));
    for (int i = 0; i < 2 * most; ++i)
        all.push_back(loop.runner.run_as_future(resolver.resolve(std::to_string(i) + ".test")));
    while (names.most_at_once() < most)
        std::this_thread::yield();
    loop.runner.run(nothing());
    names.release();
    for (auto& each : all)
        CHECK(each.get() == both_loopbacks);
    CHECK(names.asked() == 2 * most);
    CHECK(names.most_at_once() == most);
}

TEST_CASE("Look-ups that are stuck hold up no others") {
    Names names;
    OnThreadRunner loop;
    Resolver resolver(1h, names.function());
    std::vector<std::future<Addresses>> stuck;
    for (std::size_t i = 0; i < LookupThreads::max_threads; ++i)
        stuck.push_back(loop.runner.run_as_future(resolver.resolve(std::to_string(i) + ".test")));
    for (int i = 0; i < 3; ++i)
        CHECK(
            loop.runner.run(resolver.resolve("quick" + std::to_string(i) + ".test")) ==
            both_loopbacks);
    names.release();
    for (auto& each : stuck)
        each.wait();
}

TEST_CASE("A name that is forgotten is looked up again") {
    Names names;
    names.release();
    OnThreadRunner loop;
    Resolver resolver(1h, names.function());
    loop.runner.run(resolver.resolve("a.test"));
    resolver.forget("A.test");
    loop.runner.run(resolver.resolve("a.test"));
    CHECK(names.asked() == 2);
}

TEST_CASE("Addresses are tried in an order that alternates between the families") {
    auto const ordered = [](std::vector<std::string> const& texts) {
        Addresses addresses;
        for (auto const& text : texts)
            addresses.push_back(asio::ip::make_address(text));
        std::string result;
        for (auto const& each : interleaved(addresses))
            result += each.to_string() + ' ';
        return result;
    };
    CHECK(ordered({"::1", "::2", "::3", "1.1.1.1", "2.2.2.2"}) == "::1 1.1.1.1 ::2 2.2.2.2 ::3 ");
    CHECK(ordered({"1.1.1.1", "::1", "::2", "::3"}) == "1.1.1.1 ::1 ::2 ::3 ");
    CHECK(ordered({"1.1.1.1", "2.2.2.2"}) == "1.1.1.1 2.2.2.2 ");
    CHECK(ordered({}).empty());
}

TEMPLATE_LIST_TEST_CASE("A connection is made to an address of either family", "", EveryLoop) {
    auto const both = bind_both();
    both.ipv4.listen();
    both.ipv6.listen();
    TestType loop;
    CHECK(loop.runner.run(family_of_peer(only_ipv4, both.port())) == AF_INET);
    CHECK(loop.runner.run(family_of_peer(only_ipv6, both.port())) == AF_INET6);
    CHECK(loop.runner.run(family_of_peer({ipv4_loopback, ipv6_loopback}, both.port())) == AF_INET);
}

TEST_CASE("A connection does not delay what is small, and is not inherited by programs") {
    auto const server = Bound::ipv4();
    server.listen();
    OnRunner loop;
    auto socket = loop.runner.run(connected(only_ipv4, server.port()));
    asio::ip::tcp::no_delay no_delay;
    socket.get_option(no_delay);
    CHECK(no_delay.value());
    CHECK((::fcntl(socket.native_handle(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("A refused connection is an error that names the origin and the reason") {
    auto const refusing = Bound::ipv4();
    OnRunner loop;
    CHECK(
        failure_of(loop.runner, connected(only_ipv4, refusing.port(), "http://a.test:1")) ==
        "http://a.test:1: Connection refused: cannot connect");
}

TEST_CASE("When all addresses refuse, the connection fails") {
    auto const both = bind_both();
    OnRunner loop;
    CHECK(
        failure_of(loop.runner, connected(both_loopbacks, both.port())) ==
        "http://a.test: Connection refused: cannot connect");
    CHECK(code_of([&] { loop.runner.run(connected({}, both.port())); }) == Errc::connect_failed);
}

TEST_CASE("When an address refuses, the next is tried") {
    auto const both = bind_both();
    both.ipv4.listen();
    OnRunner loop;
    CHECK(loop.runner.run(family_of_peer(both_loopbacks, both.port())) == AF_INET);
}

TEST_CASE("When an address refuses, the next is tried at once") {
    auto const refusing = Bound::ipv4();
    OnRunner loop;
    auto const task = [&] { return connected(Addresses(200, ipv4_loopback), refusing.port()); };
    CHECK(code_of([&] {
              loop.runner.run(syncopate::fail_after(20s, task));
          }) == Errc::connect_failed);
}

TEST_CASE(
    "When an address does not answer, the next is tried beside it, and the slower one closed") {
    auto const both = bind_both();
    both.ipv4.listen();
    OnRunner loop;
    auto const filler = fill(loop.runner, both.ipv6, only_ipv6);
    auto const before = open_files();
    CHECK(loop.runner.run(family_of_peer(both_loopbacks, both.port())) == AF_INET);
    CHECK(open_files() == before);
}

TEST_CASE("An attempt under way is waited for when the later ones have failed") {
    auto const both = bind_both();
    OnThreadRunner loop;
    auto const filler = fill(loop.runner, both.ipv4, only_ipv4);
    auto connection =
        loop.runner.run_as_future(connected({ipv4_loopback, ipv6_loopback}, both.port()));
    connection.wait_for(2 * connection_attempt_delay);
    // Now that there is room in the backlog, the system's next attempt succeeds, a second after its first.
    both.ipv4.listen();
    CHECK(connection.get().is_open());
}

TEST_CASE("A cancelled connection is closed, whether it has one address or more") {
    auto const both = bind_both();
    OnThreadRunner loop;
    auto const ipv4_filler = fill(loop.runner, both.ipv4, only_ipv4);
    auto const ipv6_filler = fill(loop.runner, both.ipv6, only_ipv6);
    auto const before = open_files();
    auto const both_twice = Addresses{ipv4_loopback, ipv6_loopback, ipv4_loopback, ipv6_loopback};
    for (auto const& addresses : {only_ipv4, both_loopbacks, both_twice})
        CHECK(ends_when_stopped(loop.runner, [&] { return connected(addresses, both.port()); }));
    CHECK_FALSE(loop.runner.run(syncopate::move_on_after(600ms, connected(both_twice, both.port())))
                    .has_value());
    CHECK(open_files() == before);
}

TEST_CASE("After its cancellation a connection is attempted nowhere else") {
    auto const both = bind_both();
    both.ipv4.listen();
    OnRunner loop;
    auto const filler = fill(loop.runner, both.ipv6, only_ipv6);
    auto const task = [&] { return connected(both_loopbacks, both.port()); };
    CHECK_FALSE(loop.runner.run(syncopate::move_on_after(1ms, task)).has_value());
    CHECK_FALSE(both.ipv4.has_connection());
}

TEST_CASE("A loop is destroyed while connections are attempted") {
    auto const both = bind_both();
    OnRunner loop;
    auto const ipv4_filler = fill(loop.runner, both.ipv4, only_ipv4);
    auto const ipv6_filler = fill(loop.runner, both.ipv6, only_ipv6);
    asio::io_context context;
    auto const task = [&]() -> asio::awaitable<void> {
        Tracked const frame;
        co_await connected(both_loopbacks, both.port());
    };
    asio::co_spawn(context, task, asio::detached);
    context.run_for(300ms);
    CHECK(Tracked::alive() > 0);
}

TEST_CASE("A connection is made to a Unix domain socket") {
    TemporaryDirectory const directory;
    auto const path = (directory.path() / "socket").string();
    auto const server = Bound::unix_socket(path);
    server.listen();
    OnRunner loop;
    auto const socket = loop.runner.run(connected_to_path(path));
    CHECK(socket.remote_endpoint().protocol().family() == AF_UNIX);
}

TEST_CASE(
    "A Unix domain socket that is not there, or cannot be, is an error that names the origin") {
    OnRunner loop;
    CHECK(
        failure_of(loop.runner, connected_to_path("/nonexistent/socket")) ==
        "http://a.test: No such file or directory: cannot connect");
    CHECK(
        failure_of(loop.runner, connected_to_path(std::string(200, 'x'))) ==
        "http://a.test: File name too long: cannot connect");
}

TEST_CASE("A connection to a Unix domain socket waits while the backlog is full") {
    TemporaryDirectory const directory;
    auto const path = (directory.path() / "socket").string();
    auto const server = Bound::unix_socket(path);
    server.listen(0);
    OnThreadRunner loop;
    auto const first = loop.runner.run(connected_to_path(path));
    CHECK(ends_when_stopped(loop.runner, [&] { return connected_to_path(path); }));
    auto second = loop.runner.run_as_future(connected_to_path(path));
    second.wait_for(2 * full_backlog_delay);
    server.accept_and_close();
    CHECK_NOTHROW(second.get().remote_endpoint());
}

TEST_CASE("A proxy is a host, a port, and perhaps credentials") {
    Proxy const plain("http://Proxy.test:3128/");
    CHECK(plain.host() == "proxy.test");
    CHECK(plain.port() == 3128);
    CHECK(plain.origin() == "http://proxy.test:3128");
    CHECK(plain.authorization().empty());
    Proxy const with_user("http://Aladdin:open%20sesame@[::1]:8080");
    CHECK(with_user.host() == "::1");
    CHECK(with_user.port() == 8080);
    CHECK(with_user.origin() == "http://[::1]:8080");
    CHECK(with_user.authorization() == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    CHECK(Proxy("proxy.test") == Proxy("http://proxy.test:80"));
    CHECK(Proxy(" proxy.test\t") == Proxy("proxy.test"));
    CHECK_FALSE(plain == with_user);
}

TEST_CASE("A proxy is one by HTTP, by HTTP over TLS, or by SOCKS5") {
    CHECK(Proxy("proxy.test:1").kind() == ProxyKind::http);
    CHECK(Proxy("HTTPS://proxy.test").kind() == ProxyKind::https);
    CHECK(Proxy("https://proxy.test").port() == 443);
    CHECK(Proxy("https://proxy.test").origin() == "https://proxy.test");
    CHECK(Proxy("socks5://proxy.test").kind() == ProxyKind::socks5);
    CHECK(Proxy("socks5h://proxy.test").kind() == ProxyKind::socks5h);
    CHECK(Proxy("socks://proxy.test:1080/") == Proxy("socks5h://proxy.test:1080"));
    CHECK(Proxy("socks5h://proxy.test").port() == 1080);
    CHECK(Proxy("socks5h://proxy.test:80").port() == 80);
    CHECK(Proxy("socks5h://proxy.test:443").port() == 443);
    Proxy const with_user("socks5://a:b%20c@[::1]:9050");
    CHECK(with_user.host() == "::1");
    CHECK(with_user.user() == "a");
    CHECK(with_user.password() == "b c");
    CHECK(with_user.authorization().empty());
    CHECK(with_user.origin() == "socks5://[::1]:9050");
}

TEST_CASE("A proxy of another kind is refused, without showing its password") {
    for (std::string const scheme : {"socks4", "socks4a", "ftp", ""}) {
        auto const make = [&] { return Proxy(scheme + "://user:secret@proxy.test"); };
        CHECK(code_of(make) == Errc::invalid_url);
        auto const message = message_of<std::system_error>(make);
        CHECK_THAT(message, ContainsSubstring("starts with http://"));
        CHECK_THAT(message, !ContainsSubstring("secret"));
    }
    CHECK(code_of([] { return Proxy(""); }) == Errc::invalid_url);
    CHECK(code_of([] { return Proxy("proxy.test:99999"); }) == Errc::invalid_url);
}

TEST_CASE("Credentials are Basic ones, of what these can carry") {
    CHECK(basic_credentials("Aladdin", "open sesame") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    CHECK(basic_credentials("", "") == "Basic Og==");
    CHECK(basic_credentials("u", "a:b") == "Basic dTphOmI=");
    CHECK(code_of([] { return basic_credentials("a:b", ""); }) == Errc::invalid_request);
    CHECK(code_of([] { return basic_credentials("a\r\n", ""); }) == Errc::invalid_request);
    CHECK(code_of([] { return basic_credentials("a", "\x7f"); }) == Errc::invalid_request);
}

namespace {

using Environment = std::map<std::string, std::string>;

/// The host of the proxy for a URL; empty if it is none.
std::string proxy_for(Environment const& environment, std::string url) {
    EnvironmentProxies const proxies([&](std::string const& name) -> std::optional<std::string> {
        auto const found = environment.find(name);
        return found == environment.end() ? std::nullopt : std::optional(found->second);
    });
    auto const* const proxy = proxies.find(Url(std::move(url)));
    return proxy ? proxy->host() : "";
}

bool is_exempt(std::string no_proxy, std::string url) {
    return proxy_for({{"all_proxy", "p"}, {"no_proxy", std::move(no_proxy)}}, std::move(url))
        .empty();
}

}  // namespace

TEST_CASE("The environment names a proxy for each scheme") {
    CHECK(proxy_for({}, "http://a.test").empty());
    CHECK(proxy_for({{"http_proxy", "p"}}, "http://a.test") == "p");
    CHECK(proxy_for({{"http_proxy", "p"}}, "https://a.test").empty());
    CHECK(proxy_for({{"https_proxy", "p"}}, "https://a.test") == "p");
    CHECK(proxy_for({{"https_proxy", "p"}}, "wss://a.test") == "p");
    CHECK(proxy_for({{"HTTPS_PROXY", "p"}}, "https://a.test") == "p");
    CHECK(proxy_for({{"HTTPS_PROXY", "p"}, {"https_proxy", "q"}}, "https://a.test") == "q");
    CHECK(proxy_for({{"all_proxy", "p"}, {"http_proxy", "q"}}, "http://a.test") == "q");
    CHECK(proxy_for({{"all_proxy", "p"}, {"http_proxy", ""}}, "http://a.test") == "p");
    CHECK(proxy_for({{"ALL_PROXY", "p"}}, "ws://a.test") == "p");
}

TEST_CASE("HTTP_PROXY, which a CGI program's client can set, names no proxy") {
    CHECK(proxy_for({{"HTTP_PROXY", "p"}}, "http://a.test").empty());
}

TEST_CASE("A proxy of the environment that cannot be used fails what would go through it") {
    Environment const environment{{"https_proxy", "socks4://p"}, {"no_proxy", "b.test"}};
    auto const find = [&] { proxy_for(environment, "https://a.test"); };
    CHECK(code_of(find) == Errc::invalid_url);
    CHECK_THAT(message_of<std::system_error>(find), Catch::Matchers::StartsWith("https_proxy: "));
    CHECK(proxy_for(environment, "http://a.test").empty());
    CHECK(proxy_for(environment, "https://b.test").empty());
}

TEST_CASE("no_proxy exempts names, and what is below them") {
    CHECK(is_exempt("a.test", "http://a.test"));
    CHECK(is_exempt("a.test", "http://www.a.test"));
    CHECK(is_exempt(".a.test", "http://www.a.test"));
    CHECK(is_exempt(".a.test", "http://a.test"));
    CHECK(is_exempt("*.a.test", "http://www.a.test"));
    CHECK(is_exempt("A.Test", "http://a.test"));
    CHECK(is_exempt("a.test", "http://a.test."));
    CHECK(is_exempt("a.test.", "http://a.test"));
    CHECK(is_exempt(".a.test.", "http://www.a.test."));
    CHECK(is_exempt("b.test, a.test", "http://a.test"));
    CHECK(is_exempt("b.test\ta.test ,", "http://a.test"));
    CHECK(is_exempt("*", "http://a.test"));
    CHECK(is_exempt("b,*", "http://1.2.3.4"));
    CHECK_FALSE(is_exempt("a.test", "http://ba.test"));
    CHECK_FALSE(is_exempt("www.a.test", "http://a.test"));
    CHECK_FALSE(is_exempt("", "http://a.test"));
    CHECK_FALSE(is_exempt(" , ,. :80", "http://a.test"));
    CHECK(proxy_for({{"all_proxy", "p"}, {"NO_PROXY", "a.test"}}, "http://a.test").empty());
}

TEST_CASE("no_proxy exempts a port, where it names one") {
    CHECK(is_exempt("a.test:8080", "http://a.test:8080"));
    CHECK(is_exempt("a.test:443", "https://a.test"));
    CHECK(is_exempt("[::1]:8080", "http://[::1]:8080"));
    CHECK(is_exempt("*:8080", "http://a.test:8080"));
    CHECK_FALSE(is_exempt("a.test:8080", "http://a.test"));
    CHECK_FALSE(is_exempt("[::1]:8080", "http://[::1]"));
    CHECK_FALSE(is_exempt("a.test:", "http://a.test"));
}

TEST_CASE("no_proxy exempts addresses, and blocks of them") {
    CHECK(is_exempt("10.1.2.3", "http://10.1.2.3"));
    CHECK(is_exempt("10.0.0.0/8", "http://10.1.2.3"));
    CHECK(is_exempt("0.0.0.0/0", "http://10.1.2.3"));
    CHECK(is_exempt("::1", "http://[::1]"));
    CHECK(is_exempt("[::1]", "http://[0:0::1]"));
    CHECK(is_exempt("fd00::/8", "http://[fd12::1]"));
    CHECK_FALSE(is_exempt("10.0.0.0/8", "http://11.1.2.3"));
    CHECK_FALSE(is_exempt("10.1.2.3", "http://10.1.2.30"));
    CHECK_FALSE(is_exempt("2.3", "http://10.1.2.3"));
    CHECK_FALSE(is_exempt("10.0.0.0/33", "http://10.1.2.3"));
    CHECK_FALSE(is_exempt("fd00::/8", "http://10.1.2.3"));
    CHECK_FALSE(is_exempt("10.0.0.0/8", "http://[::1]"));
    CHECK_FALSE(is_exempt("10.0.0.0/8", "http://a.test"));
}

namespace {

Script replying(std::string bytes) {
    return [bytes = std::move(bytes)](Peer& peer) {
        peer.read_head();
        peer.send(bytes);
    };
}

std::string userinfo_of(RawServer const& proxy) {
    return "http://user:secret@127.0.0.1:" + std::to_string(proxy.port());
}

/// Opens a tunnel, and gives what comes through it.
asio::awaitable<std::string> read_through(std::string proxy_url) {
    Proxy const proxy(std::move(proxy_url));
    auto socket = co_await connected(only_ipv4, proxy.port());
    auto const answer = co_await ask_for_tunnel(socket, "a.test:443", proxy, proxy.authorization());
    require_open(answer, proxy);
    std::string data;
    boost::system::error_code end;
    co_await asio::async_read(
        socket, asio::dynamic_buffer(data), asio::redirect_error(asio::use_awaitable, end));
    co_return data;
}

/// What opening a tunnel fails with, after the proxy's name.
std::string tunnel_failure(std::string answer) {
    RawServer proxy(replying(std::move(answer)));
    OnRunner loop;
    CHECK(
        code_of([&] { loop.runner.run(read_through(userinfo_of(proxy))); }) == Errc::proxy_failed);
    auto const failure = failure_of(loop.runner, read_through(userinfo_of(proxy)));
    std::string const begin = "http://127.0.0.1:" + std::to_string(proxy.port()) + ": ";
    std::string const end = ": the proxy failed";
    REQUIRE(failure.starts_with(begin));
    REQUIRE(failure.ends_with(end));
    return failure.substr(begin.size(), failure.size() - begin.size() - end.size());
}

}  // namespace

TEST_CASE("A tunnel is asked for with the host, and with credentials if there are any") {
    RawServer proxy(replying("HTTP/1.1 200 OK\r\n\r\n"));
    OnRunner loop;
    loop.runner.run(read_through(proxy.url()));
    loop.runner.run(read_through(userinfo_of(proxy)));
    CHECK(
        proxy.requests() == std::vector<std::string>{
                                "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n",
                                "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n"
                                "Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n\r\n"});
}

TEST_CASE("A tunnel begins behind the proxy's header, whose fields do not matter") {
    RawServer proxy(
        replying("HTTP/1.0 200 Connection established\r\nContent-Length: 2\r\n\r\n\r\n\r\nbytes"));
    OnRunner loop;
    CHECK(loop.runner.run(read_through(proxy.url())) == "\r\n\r\nbytes");
}

TEST_CASE("A proxy's header may come in pieces") {
    RawServer proxy([](Peer& peer) {
        peer.read_head();
        for (char const each : std::string_view("HTTP/1.1 299\r\nA: b\r\n\r\nbytes")) {
            peer.send({&each, 1});
            std::this_thread::sleep_for(100us);
        }
    });
    OnRunner loop;
    CHECK(loop.runner.run(read_through(proxy.url())) == "bytes");
}

TEST_CASE("A proxy's header may be long, and interim responses may precede it") {
    RawServer proxy(replying(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"
        "HTTP/1.1 200 OK\r\nA: " +
        std::string(30'000, 'x') + "\r\n\r\nbytes"));
    OnRunner loop;
    CHECK(loop.runner.run(read_through(proxy.url())) == "bytes");
}

TEST_CASE("A proxy that refuses is named with its answer, and no credentials are shown") {
    CHECK(
        tunnel_failure("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n") ==
        "407 Proxy Authentication Required");
    CHECK(tunnel_failure("HTTP/1.1 502\r\n\r\n") == "502");
    CHECK(tunnel_failure("HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n") == "302 Found");
    CHECK(tunnel_failure("HTTP/1.1 101 Switching\r\n\r\n") == "101 Switching");
    CHECK(
        tunnel_failure("HTTP/1.1 500 " + std::string(1000, 'x') + "\r\n\r\n") ==
        "500 " + std::string(96, 'x'));
}

TEST_CASE("A proxy that closes before its header is complete has failed") {
    CHECK(tunnel_failure("") == "End of file");
    CHECK(tunnel_failure("HTTP/1.1 200 OK\r\n") == "End of file");
    CHECK(tunnel_failure("HTTP/1.1 100 Continue\r\n\r\n") == "End of file");
}

TEST_CASE("What is no HTTP response, or none that ends, is not waited for") {
    auto const nothing_like_it = [](std::string answer) {
        RawServer proxy([&](Peer& peer) {
            peer.read_head();
            peer.send(answer);
            peer.wait_for_close();
        });
        OnRunner loop;
        CHECK_THAT(
            failure_of(loop.runner, read_through(proxy.url())),
            ContainsSubstring("not an HTTP response: the proxy failed"));
    };
    nothing_like_it("\x15\x03\x01");
    nothing_like_it("SSH-2.0-x\r\n");
    nothing_like_it("HTTP/2 200 OK\r\n\r\n");
    nothing_like_it("HTTP/1.1 200 OK\nA: b\n\n");
    nothing_like_it("HTTP/1.1 200 OK\nA: b\r\n\r\n");
    nothing_like_it("HTTP/1.1 2x0 OK\r\n\r\n");
    nothing_like_it("HTTP/1.1 2000 OK\r\n\r\n");
    nothing_like_it("HTTP/1.1  200 OK\r\n\r\n");
    nothing_like_it("HTTP/1.x 200 OK\r\n\r\n");
    nothing_like_it("HTTP/1.1 20\r\n\r\n");
    nothing_like_it("HTTP/1.1 200 OK\r\nA: " + std::string(33'000, 'x'));
    std::string interim;
    while (interim.size() < 33'000)
        interim += "HTTP/1.1 100 Continue\r\n\r\n";
    nothing_like_it(interim);
}

TEST_CASE("A tunnel is cancelled while the proxy is silent, and closed") {
    OnThreadRunner loop;
    loop.runner.run(sleep_for(0ms));  // the loop has its own files now
    auto const before = open_files();
    {
        Gate started;
        RawServer proxy([&](Peer& peer) {
            peer.read_head();
            peer.send("HTTP/1.1 2");
            started.open();
            peer.wait_for_close();
        });
        CHECK(code_of([&] {
                  run_and_stop(loop.runner, started, read_through(proxy.url()));
              }) == syncopate::Errc::cancelled);
        for (int i = 0; i < 20; ++i)
            CHECK(ends_when_stopped(loop.runner, [&] { return read_through(proxy.url()); }));
        CHECK(proxy.wait_until_idle());
    }
    CHECK(open_files() == before);
}
