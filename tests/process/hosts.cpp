// GuestRunner on the loops of libuv and of Qt, as their users have them: one after another on the main thread, which is
// Qt's. What a host adds to that is in Host's members; what has to hold on each is written once.

#include "support/audit.hpp"
#include "support/errors.hpp"
#include "support/stress.hpp"
#include "support/tasks.hpp"
#include <syncopate/error.hpp>
#include <syncopate/guest_runner.hpp>
#include <syncopate/options.hpp>
#include <syncopate/to_thread.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#ifdef SYNCOPATE_TEST_QT
#include <QAbstractEventDispatcher>
#include <QCoreApplication>
#include <QEvent>
#include <QEventLoop>
#include <QObject>
#include <QTimer>
#endif
#include <sys/resource.h>
#ifdef SYNCOPATE_TEST_LIBUV
#include <uv.h>
#endif

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Errc;
using syncopate::GuestRunner;
using syncopate::Options;
using Function = std::function<void()>;

Options silent() {
    return Options().on_error([](std::exception_ptr const&) {});
}

asio::awaitable<std::string> through_sockets() {
    auto const executor = co_await asio::this_coro::executor;
    using asio::ip::tcp;
    tcp::acceptor acceptor(executor, {asio::ip::address_v4::loopback(), 0});
    tcp::socket one(executor);
    co_await one.async_connect(acceptor.local_endpoint(), asio::use_awaitable);
    tcp::socket other = co_await acceptor.async_accept(asio::use_awaitable);
    co_await asio::async_write(one, asio::buffer("ping", 4), asio::use_awaitable);
    std::string text(4, ' ');
    co_await asio::async_read(other, asio::buffer(text), asio::use_awaitable);
    co_return text;
}

/// Everything that a program does there, step by step on the host's thread.
asio::awaitable<bool> use_everything() {
    auto const thread = std::this_thread::get_id();
    co_await sleep_for(2ms);
    bool there = std::this_thread::get_id() == thread;
    auto const text = co_await through_sockets();
    there = there && text == "ping" && std::this_thread::get_id() == thread;
    auto function = [] { return std::this_thread::get_id(); };
    auto const worker = co_await syncopate::to_thread(std::move(function));
    co_return there&& worker != thread&& std::this_thread::get_id() == thread;
}

// The loop of the host goes on beside the tasks, and calls of other threads come in.
template <class Host>
void work_beside_host() {
    Host host;
    std::optional<GuestRunner> guest(std::in_place, host.poster(), Function(), silent());
    int ticks = 0;
    host.every(1ms, [&] { ++ticks; });
    bool is_right = false;
    bool is_over = false;
    auto const other = std::async(std::launch::async, [&] { return guest->run(use_everything()); });
    guest->start_soon([&]() -> asio::awaitable<void> {
        is_right = co_await use_everything();
        int const before = ticks;
        while (ticks < before + 3)
            co_await sleep_for(1ms);
        is_over = true;
    });
    host.run_until([&] { return is_over && other.wait_for(0s) == std::future_status::ready; });
    require(is_right, "steps of a task are on the host's thread");
    require(
        code_of([&] { guest->run(twice(1)); }) == Errc::would_deadlock,
        "a call that would freeze the host is refused");
    guest.reset();
    host.run_until([&] { return host.is_left(); });
}

// Given a turn, a call on the host's thread blocks, and the host does not.
template <class Host>
void turn_meanwhile() {
    Host host;
    std::optional<GuestRunner> guest(std::in_place, host.poster(), [&] { host.turn(); });
    int ticks = 0;
    host.every(1ms, [&] { ++ticks; });
    require(guest->run(use_everything()), "everything works in a blocking call");
    guest->run([&]() -> asio::awaitable<void> {
        while (ticks < 3)
            co_await sleep_for(1ms);
    });
    require(code_of([&] { guest->run_for(2ms, forever()); }) == Errc::timed_out, "it is in time");
    if constexpr (Host::may_turn_in_handler) {
        int result = 0;
        host.soon([&] { result = guest->run(twice_later(21)); });
        host.run_until([&] { return result != 0; });
        require(result == 42, "in a handler of the host");
    }
    guest->start_soon(forever());
    guest->close();  // turns the host until all has ended
    guest.reset();
    host.run_until([&] { return host.is_left(); });
    require(Tracked::alive() == 0, "nothing is left");
}

// A handler of the host destroys the guest, with tasks that wait and one in a worker.
template <class Host>
void end_in_handler() {
    Host host;
    std::optional<GuestRunner> guest(std::in_place, host.poster(), Function(), silent());
    Gate started;
    bool unwound = false;
    auto from_worker = guest->run_as_future([]() -> asio::awaitable<void> {
        auto function = [] { std::this_thread::sleep_for(2ms); };
        co_await syncopate::to_thread(std::move(function));
    });
    guest->start_soon([&]() -> asio::awaitable<void> {
        Tracked const frame;
        try {
            co_await forever(started);
        } catch (...) {
            unwound = true;
            throw;
        }
    });
    host.run_until([&] { return started.is_open(); });
    host.soon([&] { guest.reset(); });
    // The runner destroys the function that it was given when it does not call the host any more.
    host.run_until([&] { return unwound && host.is_left(); });
    require(from_worker.wait_for(0s) == std::future_status::ready, "all have been told");
}

// The host is destroyed while tasks wait: all are told. The guest ends after its host, or before.
template <class Host>
void end_of_host(bool guest_ends_first) {
    std::optional<Host> host(std::in_place);
    std::optional<GuestRunner> guest(std::in_place, host->poster(), Function(), silent());
    Gate started;
    auto waiting = guest->run_as_future(forever(started));
    host->run_until([&] { return started.is_open(); });
    guest->start_soon(twice_later(1));
    if (guest_ends_first)
        guest.reset();
    host.reset();
    auto const error = code_of([&] { waiting.get(); });
    require(
        error == Errc::loop_failed || (guest_ends_first && error == Errc::runner_closed),
        "who waits is told");
}

// The host lives on, and does not turn. Nobody but those who wait has a clock then.
template <class Host>
std::future<void> stop_turning(Host& host) {
    auto guest =
        std::make_unique<GuestRunner>(host.poster(), Function(), silent().close_timeout(1ms));
    Gate started;
    auto waiting = std::make_shared<std::future<void>>(guest->run_as_future(forever(started)));
    host.run_until([&] { return started.is_open(); });
    return std::async(std::launch::async, [guest = std::move(guest), waiting]() mutable {
        require(
            code_of([&] { guest->run_for(5ms, twice(1)); }) == Errc::timed_out,
            "a call comes back in time");
        guest.reset();
        require(code_of([&] { waiting->get(); }) == Errc::loop_failed, "the rest is told");
    });
}

/// Of all threads: how often one had something to do.
long wakeups() {
    rusage usage{};
    require(::getrusage(RUSAGE_SELF, &usage) == 0, "it is counted");
    return usage.ru_nvcsw;
}

// A timer and a socket wait, the host waits, and no thread looks whether there is something to do.
template <class Host>
void rest() {
    Host host;
    GuestRunner guest(host.poster(), [&] { host.turn(); });
    guest.start_soon(sleep_for(1h));
    guest.start_soon([]() -> asio::awaitable<void> {
        using asio::ip::tcp;
        tcp::acceptor acceptor(
            co_await asio::this_coro::executor, {asio::ip::address_v4::loopback(), 0});
        co_await acceptor.async_accept(asio::use_awaitable);
    });
    guest.run(use_everything());
    bool is_over = false;
    host.once(200ms, [&] { is_over = true; });
    auto const before = wakeups();
    host.run_until([&] { return is_over; });
    require(wakeups() - before <= 20, "nobody is busy");
    guest.close();
}

#ifdef SYNCOPATE_TEST_LIBUV

/// libuv has one function that other threads may call: uv_async_send().
class Uv {
    /// Open as long as the runner keeps the function by which it posts: so long uv_run() goes on.
    struct Door {
        explicit Door(uv_loop_t& loop) {
            async.data = this;
            ::uv_async_init(&loop, &async, [](uv_async_t* handle) {
                static_cast<Door*>(handle->data)->serve();
            });
        }
        void post(Function function) {
            std::lock_guard const lock(mutex);
            if (is_closed)
                return;  // and the function is dropped
            queue.push_back(std::move(function));
            ::uv_async_send(&async);
        }
        void leave() {
            std::lock_guard const lock(mutex);
            is_left = true;
            if (!is_closed)
                ::uv_async_send(&async);
        }
        void serve() {
            for (auto& function : take_queue())
                std::exchange(function, nullptr)();
            std::lock_guard const lock(mutex);
            if (is_left)
                close();
        }
        std::vector<Function> take_queue() {
            std::lock_guard const lock(mutex);
            return std::exchange(queue, {});
        }
        void close() {
            if (std::exchange(is_closed, true))
                return;
            ::uv_close(reinterpret_cast<uv_handle_t*>(&async), [](uv_handle_t* handle) {
                static_cast<Door*>(handle->data)->itself.reset();
            });
        }

        uv_async_t async{};
        std::shared_ptr<Door> itself;  // for libuv
        std::mutex mutex;
        std::vector<Function> queue;
        bool is_left = false;
        bool is_closed = false;
    };

    struct Timer {
        Timer(
            uv_loop_t& loop,
            std::chrono::milliseconds after,
            std::uint64_t again,
            Function its_function)
            : function(std::move(its_function)) {
            ::uv_timer_init(&loop, &handle);
            handle.data = this;
            ::uv_timer_start(
                &handle, [](uv_timer_t* it) { static_cast<Timer*>(it->data)->function(); },
                static_cast<std::uint64_t>(after.count()), again);
        }
        uv_timer_t handle{};
        Function function;
    };

public:
    static constexpr bool may_turn_in_handler = false;  // uv_run() must not be called there

    Uv() { ::uv_loop_init(&loop_); }
    Uv(Uv const&) = delete;
    Uv& operator=(Uv const&) = delete;
    /// What is queued is dropped.
    ~Uv() {
        for (auto const& timer : timers_)
            ::uv_close(reinterpret_cast<uv_handle_t*>(&timer->handle), nullptr);
        if (door_) {
            std::unique_lock lock(door_->mutex);
            door_->close();
            lock.unlock();
            door_->take_queue().clear();
        }
        ::uv_run(&loop_, UV_RUN_DEFAULT);
        require(::uv_loop_close(&loop_) == 0, "nothing keeps the loop");
    }

    std::function<void(Function)> poster() {
        door_ = std::make_shared<Door>(loop_);
        door_->itself = door_;
        std::shared_ptr<Door> const kept(door_.get(), [door = door_](Door*) { door->leave(); });
        return [kept](Function function) { kept->post(std::move(function)); };
    }
    bool is_left() const {
        std::lock_guard const lock(door_->mutex);
        return door_->is_left;
    }

    void turn() { ::uv_run(&loop_, UV_RUN_ONCE); }
    template <class Done>
    void run_until(Done done) {
        while (!done())
            turn();
    }
    void every(std::chrono::milliseconds time, Function function) {
        timers_.push_back(std::make_unique<Timer>(
            loop_, time, static_cast<std::uint64_t>(time.count()), std::move(function)));
    }
    void once(std::chrono::milliseconds time, Function function) {
        timers_.push_back(std::make_unique<Timer>(loop_, time, 0, std::move(function)));
    }
    void soon(Function function) { once(0ms, std::move(function)); }

private:
    uv_loop_t loop_{};
    std::shared_ptr<Door> door_;
    std::vector<std::unique_ptr<Timer>> timers_;
};

#endif
#ifdef SYNCOPATE_TEST_QT

/// Functions are queued to an object of the main thread. It lives as long as another thread may do so.
class Qt5 {
public:
    static constexpr bool may_turn_in_handler = true;

    Qt5() = default;
    Qt5(Qt5 const&) = delete;
    Qt5& operator=(Qt5 const&) = delete;
    /// What is queued is dropped.
    ~Qt5() {
        if (auto const door = door_.lock())
            QCoreApplication::removePostedEvents(&*door);
        QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
    }

    std::function<void(Function)> poster() {
        auto const leave = [](QObject* object) {
            object->deleteLater();
            QCoreApplication::eventDispatcher()->wakeUp();
        };
        std::shared_ptr<QObject> const door(new QObject(), leave);
        door_ = door;
        return [door](Function function) {
            QMetaObject::invokeMethod(&*door, std::move(function), Qt::QueuedConnection);
        };
    }
    bool is_left() const { return door_.expired(); }

    void turn() { QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents); }
    template <class Done>
    void run_until(Done done) {
        while (!done())
            turn();
    }
    void every(std::chrono::milliseconds time, Function function) {
        auto* const timer = new QTimer(&*object_);
        QObject::connect(timer, &QTimer::timeout, std::move(function));
        timer->start(time);
    }
    void once(std::chrono::milliseconds time, Function function) {
        QTimer::singleShot(time, &*object_, std::move(function));
    }
    void soon(Function function) { once(0ms, std::move(function)); }

private:
    std::unique_ptr<QObject> object_ = std::make_unique<QObject>();
    std::weak_ptr<QObject> door_;
};

#endif

template <class Host>
void run_on() {
    work_beside_host<Host>();
    turn_meanwhile<Host>();
    end_in_handler<Host>();
    end_of_host<Host>(false);
    end_of_host<Host>(true);
    rest<Host>();
}

}  // namespace

int main([[maybe_unused]] int argc, [[maybe_unused]] char** argv) {
    Audit const audit;
    std::vector<std::future<void>> silent_hosts;
#ifdef SYNCOPATE_TEST_LIBUV
    run_on<Uv>();
#endif
#ifdef SYNCOPATE_TEST_QT
    QCoreApplication const application(argc, argv);
    run_on<Qt5>();
    Qt5 qt;
    silent_hosts.push_back(stop_turning(qt));
#endif
#ifdef SYNCOPATE_TEST_LIBUV
    Uv uv;
    silent_hosts.push_back(stop_turning(uv));
#endif
    for (auto& host : silent_hosts)
        host.get();
    require_nothing_left(audit);
    return silent_hosts.empty() ? 77 : EXIT_SUCCESS;
}
