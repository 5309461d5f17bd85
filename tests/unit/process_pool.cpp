// Functions that processes of a pool call for coroutines, and what becomes of those that crash or never end.

#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include <syncopate/error.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/process_pool.hpp>
#include <syncopate/runner.hpp>
#include <syncopate/thread_runner.hpp>
#include <syncopate/timeout.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/serialization/access.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <future>
#include <map>
#include <memory>
#include <new>
#include <source_location>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

namespace asio = boost::asio;
namespace detail = syncopate::detail;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Errc;
using syncopate::gather;
using syncopate::move_on_after;
using syncopate::ProcessPool;
using syncopate::run_in_executor;
using syncopate::Serializable;
using syncopate::ThreadRunner;

/// What the test and the workers have in common.
struct Shared {
    std::atomic<int> calls[1000];
    std::atomic<pid_t> process;
    std::atomic<pid_t> child;
    std::atomic<int> arrived;
    std::atomic<bool> is_open;

    void wait_for(int count) const {
        while (arrived < count)
            std::this_thread::sleep_for(100us);
    }
};

Shared& shared = *new (::mmap(
    nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Shared();

// Before main(): then there is no other thread, whatever the tests before have left.
int const of_the_program = ::open("/dev/null", O_RDONLY);
bool const is_prepared = (ProcessPool::prepare(), true);

class Point {
public:
    Point() = default;
    Point(int x, int y) : x_(x), y_(y) {}
    int sum() const { return x_ + y_; }

private:
    friend class boost::serialization::access;
    template <class Archive>
    void serialize(Archive& archive, unsigned) {
        archive & x_ & y_;
    }

    int x_ = 0;
    int y_ = 0;
};

struct NoDefault {
    explicit NoDefault(int) {}
};

enum class Colour { red, green };

static_assert(Serializable<int> && Serializable<Colour> && Serializable<std::string>);
static_assert(Serializable<Point> && Serializable<std::vector<Point>>);
static_assert(Serializable<std::map<std::string, std::vector<double>>>);
static_assert(!Serializable<NoDefault> && !Serializable<std::vector<NoDefault>>);
static_assert(!Serializable<char const*> && !Serializable<std::string_view>);
static_assert(!Serializable<std::map<int, std::thread>> && !Serializable<std::unique_ptr<int>&>);

int twice(int number) {
    return 2 * number;
}
Point mirrored(Point const& point, Colour colour) noexcept {
    return colour == Colour::green ? Point(-point.sum(), 0) : point;
}
std::map<std::string, std::size_t> lengths(std::vector<std::string> words, std::string&& suffix) {
    std::map<std::string, std::size_t> result;
    for (auto const& word : words)
        result[word + suffix] = word.size();
    return result;
}
pid_t process_of(int) {
    return ::getpid();
}
void count(int number) {
    ++shared.calls[number];
}
void wait_until_open() {
    ++shared.arrived;
    while (!shared.is_open)
        ::usleep(100);
}
void crash_when_open() {
    wait_until_open();
    ::_exit(7);
}
void answer_nonsense() {
    wait_until_open();
    int socket = 3;  // it has no other descriptor
    while (::fcntl(socket, F_GETFD) < 0)
        ++socket;
    detail::ResultHeader const header{~std::uint64_t{0}, detail::ResultHeader::Kind::value};
    ::send(socket, &header, sizeof header, MSG_NOSIGNAL);
    for (;;)
        ::pause();  // a call that it began before it is killed would be lost, too
}
void never_end() {
    shared.process = ::getpid();
    pid_t const child = ::fork();
    if (child != 0) {
        shared.child = child;
        ++shared.arrived;
    }
    for (;;)
        ::pause();
}

bool is_alive(pid_t process) {
    return ::kill(process, 0) == 0;
}

/// What the worker has started is killed with it, and is gone soon.
void require_gone(pid_t process) {
    for (int i = 0; i < 2000 && is_alive(process); ++i)
        std::this_thread::sleep_for(1ms);
    REQUIRE_FALSE(is_alive(process));
}

/// With no further one until it is destroyed.
class NoDescriptors {
public:
    NoDescriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        rlimit few = before_;
        few.rlim_cur = 64;
        ::setrlimit(RLIMIT_NOFILE, &few);
        for (int number = 0; (number = ::open("/dev/null", O_RDONLY)) >= 0;)
            taken_.emplace_back(number);
    }
    NoDescriptors(NoDescriptors const&) = delete;
    NoDescriptors& operator=(NoDescriptors const&) = delete;
    ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
    std::vector<detail::Descriptor> taken_;
};

/// Of a function without parameters. No coroutine waits for it.
template <class F>
detail::RemoteCallPointer remote_call(asio::io_context& context, F function) {
    using Signature = detail::SignatureOf<F>;
    detail::RemoteCallPointer call(new detail::RemoteCall(
        context.get_executor(), nullptr, Signature::remote(+function), Signature::arguments(),
        std::source_location::current()));
    call->wish = detail::RemoteCall::Wish::nothing;
    return call;
}

std::string failure(ThreadRunner& runner, asio::awaitable<void> task) {
    return message_of<std::system_error>([&] { runner.run(std::move(task)); });
}

bool has(std::string const& text, char const* part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

LOOP_TEST_CASE("A plain function is called in another process", EveryLoop) {
    ProcessPool pool{2};
    AnyLoop loop;
    auto& runner = loop.runner;
    CHECK(runner.run(run_in_executor(pool, twice, 21)) == 42);
    CHECK(runner.run(run_in_executor(pool, &twice, 'a')) == 194);
    CHECK(runner.run(run_in_executor(pool, mirrored, Point(1, 2), Colour::green)).sum() == -3);
    std::vector<std::string> const words{"one", "three"};
    auto const found = runner.run(run_in_executor(pool, lengths, words, "!"));
    CHECK(found == std::map<std::string, std::size_t>{{"one!", 3}, {"three!", 5}});
    CHECK(runner.run(run_in_executor(pool, [] { return ::getpid(); })) != ::getpid());
    shared.calls[0] = 0;
    runner.run(run_in_executor(pool, count, 0));
    CHECK(shared.calls[0] == 1);
    CHECK(pool.size() <= 2);
    CHECK(pool.max_workers() == 2);
}

TEST_CASE("What a function throws comes back as its text") {
    ProcessPool pool{1};
    ThreadRunner runner;
    auto const text = [&](auto function) {
        return message_of<std::runtime_error>(
            [&] { runner.run(run_in_executor(pool, function, 1)); });
    };
    CHECK(text([](int) { throw std::domain_error("no such number"); }) == "no such number");
    CHECK(text([](int number) { throw number; }) == "an exception that is no std::exception");
    CHECK(text([](int) -> int { throw std::out_of_range(""); }).empty());
    auto const process = runner.run(run_in_executor(pool, process_of, 0));
    CHECK(text([](int) { throw std::domain_error("again"); }) == "again");
    CHECK(runner.run(run_in_executor(pool, process_of, 0)) == process);
}

TEST_CASE("A process that ends takes one call with it, and another takes its place") {
    ProcessPool pool{2};
    ThreadRunner runner;
    std::vector<std::future<int>> others;
    for (int i = 0; i < 200; ++i)
        others.push_back(runner.run_as_future(run_in_executor(pool, twice, i)));
    auto const crash = failure(runner, run_in_executor(pool, [] { std::raise(SIGSEGV); }));
    CHECK(has(crash, "signal 11 (SIGSEGV"));
    CHECK(code_of([&] {
              runner.run(run_in_executor(pool, [] { std::abort(); }));
          }) == Errc::worker_lost);
    CHECK(has(failure(runner, run_in_executor(pool, [] { ::_exit(3); })), "status 3"));
    CHECK(has(failure(runner, run_in_executor(pool, [] { ::raise(SIGKILL); })), "SIGKILL"));
    // This one closes the connection, and lives on.
    auto const other_program = [] { ::execl("/bin/sleep", "sleep", "1000", nullptr); };
    CHECK(has(failure(runner, run_in_executor(pool, other_program)), "exec()"));
    for (int i = 0; i < 200; ++i)
        CHECK(others[static_cast<std::size_t>(i)].get() == 2 * i);
}

TEST_CASE("Calls that a process was given in advance are not lost with it") {
    ProcessPool pool{2};
    ThreadRunner runner;
    shared.is_open = false;
    shared.arrived = 0;
    auto crash = runner.run_as_future(run_in_executor(pool, crash_when_open));
    shared.wait_for(1);
    std::vector<asio::awaitable<void>> tasks;
    for (int i = 0; i < 1000; ++i) {
        shared.calls[i] = 0;
        tasks.push_back(run_in_executor(pool, count, i));
    }
    auto others = runner.run_as_future(gather(std::move(tasks)));
    while (shared.calls[10] == 0)
        std::this_thread::sleep_for(10us);
    shared.is_open = true;
    CHECK(code_of([&] { crash.get(); }) == Errc::worker_lost);
    others.get();
    for (int i = 0; i < 1000; ++i)
        CHECK(shared.calls[i] == 1);
}

TEST_CASE("Calls that wait fail if no process can take the place of the one that has ended") {
    ProcessPool pool{1};
    ThreadRunner runner;
    shared.is_open = false;
    shared.arrived = 0;
    // Shared: this thread lets go of what it has read last. ThreadSanitizer has no descriptor to ask by where it is.
    auto const crash = runner.run_as_future(run_in_executor(pool, crash_when_open)).share();
    shared.wait_for(1);
    std::vector<std::shared_future<int>> behind;
    for (int i = 0; i < 5; ++i)
        behind.push_back(runner.run_as_future(run_in_executor(pool, twice, i)).share());
    runner.call([] {});  // all have been submitted
    {
        NoDescriptors const none;
        shared.is_open = true;
        CHECK(code_of([&] { crash.get(); }) == Errc::worker_lost);
        for (auto const& each : behind) {
            REQUIRE(each.wait_for(20s) == std::future_status::ready);
            CHECK(code_of([&] { each.get(); }) == std::errc::too_many_files_open);
        }
    }
    CHECK(runner.run(run_in_executor(pool, twice, 1)) == 2);
}

TEST_CASE("A result that makes no sense costs the process and its one call") {
    ProcessPool pool{1};
    ThreadRunner runner;
    shared.is_open = false;
    shared.arrived = 0;
    auto garbled = runner.run_as_future(run_in_executor(pool, answer_nonsense));
    shared.wait_for(1);
    std::vector<std::future<int>> behind;
    for (int i = 0; i < 20; ++i)
        behind.push_back(runner.run_as_future(run_in_executor(pool, twice, i)));
    runner.call([] {});
    shared.is_open = true;
    CHECK(has(message_of<std::system_error>([&] { garbled.get(); }), "makes no sense"));
    for (int i = 0; i < 20; ++i)
        CHECK(behind[static_cast<std::size_t>(i)].get() == 2 * i);
}

TEST_CASE("A call that no new process lives to begin is lost in the end, and no other is") {
    auto const server = detail::ProcessServer::get();
    asio::io_context context;
    detail::WorkerCrew crew(1);
    detail::WorkDistribution work(crew, 0);
    detail::EndedCalls ended;
    using State = detail::RemoteCall::State;
    using Worker = detail::WorkerLink;
    auto const states_after_end = [&](int vain_starts_before, Worker::State state) {
        Worker worker(detail::Descriptor(), server->worker_slots().take());
        auto const first = remote_call(context, wait_until_open);
        auto const second = remote_call(context, wait_until_open);
        first->vain_starts = vain_starts_before;
        worker.give(first);
        worker.give(second);
        worker.set_state(state);
        work.settle(worker, nullptr, 3, ended);
        return std::pair(first->state, second->state);
    };
    using States = std::pair<State, State>;
    CHECK(states_after_end(1, Worker::State::live) == States(State::queued, State::queued));
    CHECK(states_after_end(2, Worker::State::live) == States(State::done, State::queued));
    CHECK(states_after_end(2, Worker::State::killed) == States(State::queued, State::queued));
    work.refuse([] { return nullptr; }, ended);
}

TEST_CASE("Nobody is killed for a call that has just ended") {
    shared.is_open = false;
    shared.arrived = 0;
    asio::io_context context;
    detail::WorkerCrew crew(1);
    detail::WorkDistribution work(crew, 0);
    detail::EndedCalls ended;
    auto const first = remote_call(context, [] {});
    auto const second = remote_call(context, wait_until_open);
    auto const third = remote_call(context, wait_until_open);
    work.add(first, ended);
    work.add(second, ended);
    work.balance(ended);  // the worker is given the second in advance
    shared.wait_for(1);   // and has begun it, while nobody has seen the result of the first
    auto& worker = *crew.workers().front();
    CHECK(worker.has(*first));
    work.add(third, ended);
    work.stop(*first, ended);
    CHECK(worker.state() == detail::WorkerLink::State::live);
    CHECK(worker.has(*second));
    worker.receive(16, [](auto const&, auto, auto const&) {});
    CHECK_FALSE(worker.has(*first));
    work.balance(ended);
    CHECK(worker.has(*third));
    work.stop(*second, ended);
    CHECK(worker.state() == detail::WorkerLink::State::killed);
    CHECK(third->state != detail::RemoteCall::State::done);  // another process has it now
    work.refuse([] { return nullptr; }, ended);
}

TEST_CASE("Calls that are given back come before those that wait, in their order") {
    asio::io_context context;
    std::vector<detail::RemoteCallPointer> calls;
    for (int i = 0; i < 4; ++i)
        calls.push_back(remote_call(context, [] {}));
    detail::WaitingCalls waiting;
    detail::WaitingCalls given_back;
    waiting.add_last(calls[2]);
    waiting.add_last(calls[3]);
    given_back.add_last(calls[0]);
    given_back.add_last(calls[1]);
    waiting.add_first(given_back);
    CHECK(waiting.size() == 4);
    for (auto const& call : calls)
        CHECK(waiting.take_first() == call);
    CHECK(waiting.empty());
    CHECK(given_back.empty());
}

TEST_CASE("Nothing is read behind a result that makes no sense") {
    auto const pair = detail::make_socket_pair(SOCK_STREAM);
    detail::ResultReader reader(pair.here.get());
    detail::ResultHeader const empty;
    int taken = 0;
    auto const read = [&](int accepted) {
        static_cast<void>(::send(pair.there.get(), &empty, sizeof empty, MSG_NOSIGNAL));
        reader.read(16, [&](auto, auto const&) { return ++taken <= accepted; });
    };
    read(1);
    CHECK_FALSE(reader.is_at_end());
    read(1);
    CHECK(reader.is_senseless());
    CHECK(reader.is_at_end());
    read(9);
    CHECK(taken == 2);
}

TEST_CASE("A time-out or a stop request kills the process that the function runs in") {
    ProcessPool pool{1};
    ThreadRunner runner;
    shared.arrived = 0;
    CHECK(code_of([&] {
              runner.run_for(300ms, run_in_executor(pool, never_end));
          }) == Errc::timed_out);
    CHECK_FALSE(is_alive(shared.process));
    require_gone(shared.child);

    shared.arrived = 0;
    std::stop_source source;
    auto future = runner.run_as_future(run_in_executor(pool, never_end), source.get_token());
    shared.wait_for(1);
    for (int i = 0; i < 50; ++i)
        shared.calls[i] = 0;
    std::vector<std::future<void>> behind;
    for (int i = 0; i < 50; ++i)
        behind.push_back(runner.run_as_future(run_in_executor(pool, count, i)));
    source.request_stop();
    CHECK(code_of([&] { future.get(); }) == Errc::cancelled);
    CHECK_FALSE(is_alive(shared.process));
    for (int i = 0; i < 50; ++i) {
        behind[static_cast<std::size_t>(i)].get();
        CHECK(shared.calls[i] == 1);
    }
    CHECK_FALSE(runner.run(move_on_after(10ms, run_in_executor(pool, never_end))));
}

TEST_CASE("A cancelled call that has not begun is not called, and goes on at once") {
    ProcessPool pool{1};
    ThreadRunner runner;
    shared.is_open = false;
    shared.arrived = 0;
    shared.calls[0] = shared.calls[1] = 0;
    auto first = runner.run_as_future(run_in_executor(pool, count, 1));
    auto blocker = runner.run_as_future(run_in_executor(pool, wait_until_open));
    std::stop_source source;
    auto waiting = runner.run_as_future(run_in_executor(pool, count, 0), source.get_token());
    shared.wait_for(1);
    source.request_stop();
    CHECK(code_of([&] { waiting.get(); }) == Errc::cancelled);
    shared.is_open = true;
    blocker.get();
    first.get();
    runner.run(run_in_executor(pool, count, 1));
    CHECK(shared.calls[0] == 0);
    CHECK(shared.calls[1] == 2);
}

TEST_CASE("Short calls do not wait for a long one as long as another process is idle") {
    ProcessPool pool{2};
    ThreadRunner runner;
    shared.is_open = false;
    shared.arrived = 0;
    std::vector<std::future<int>> shorts;
    for (int i = 0; i < 40; ++i)
        shorts.push_back(runner.run_as_future(run_in_executor(pool, twice, i)));
    auto blocker = runner.run_as_future(run_in_executor(pool, wait_until_open));
    for (int i = 0; i < 40; ++i)
        shorts.push_back(runner.run_as_future(run_in_executor(pool, twice, i)));
    for (auto& each : shorts)
        each.get();
    shared.wait_for(1);
    shared.is_open = true;
    blocker.get();
}

TEST_CASE("A thousand calls in flight are each called once") {
    ProcessPool pool{3};
    ThreadRunner runner;
    std::vector<asio::awaitable<void>> tasks;
    for (int i = 0; i < 1000; ++i) {
        shared.calls[i] = 0;
        tasks.push_back(run_in_executor(pool, count, i));
    }
    runner.run(gather(std::move(tasks)));
    for (int i = 0; i < 1000; ++i)
        CHECK(shared.calls[i] == 1);
}

TEST_CASE("A process ends after max_tasks_per_worker functions") {
    ProcessPool pool{ProcessPool::Options().max_workers(1).max_tasks_per_worker(3)};
    ThreadRunner runner;
    std::map<pid_t, int> calls;
    for (int i = 0; i < 7; ++i)
        ++calls[runner.run(run_in_executor(pool, process_of, i))];
    CHECK(calls.size() == 3);
    std::vector<asio::awaitable<pid_t>> tasks;
    for (int i = 0; i < 30; ++i)
        tasks.push_back(run_in_executor(pool, process_of, i));
    for (pid_t const process : runner.run(gather(std::move(tasks))))
        CHECK(++calls[process] <= 3);
}

TEST_CASE("Large arguments and results go there and back") {
    ProcessPool pool{1};
    ThreadRunner runner;
    std::string const large(5'000'000, 'x');
    auto const echo = [](std::string const& text) { return text + '!'; };
    CHECK(runner.run(run_in_executor(pool, echo, large)) == large + '!');
    auto [one, other, another] = runner.run(gather(
        run_in_executor(pool, echo, large), run_in_executor(pool, twice, 4),
        run_in_executor(pool, echo, large)));
    CHECK(one.size() == large.size() + 1);
    CHECK(other == 8);
    CHECK(another == one);
}

TEST_CASE("A process has no descriptor of the program") {
    ProcessPool pool{2};
    ThreadRunner runner;
    REQUIRE(of_the_program > 2);
    auto const count_descriptors = [](int) {
        int number = 0;
        for (int i = 3; i < 1024; ++i)
            number += ::fcntl(i, F_GETFD) >= 0;
        return number;
    };
    auto const [one, other] = runner.run(gather(
        run_in_executor(pool, count_descriptors, 1), run_in_executor(pool, count_descriptors, 2)));
    CHECK(one == 1);
    CHECK(other == 1);
}

TEST_CASE("close() waits for what runs and refuses the rest, kill() kills it") {
    ThreadRunner runner;
    shared.is_open = false;
    shared.arrived = 0;
    auto const blocked = [&](ProcessPool& pool) {
        return runner.run_as_future(run_in_executor(pool, wait_until_open));
    };
    ProcessPool pool{1};
    auto running = blocked(pool);
    shared.wait_for(1);
    auto queued = runner.run_as_future(run_in_executor(pool, twice, 1));
    CHECK_FALSE(pool.close_for(10ms));
    CHECK(code_of([&] { queued.get(); }) == Errc::runner_closed);
    shared.is_open = true;
    pool.close();
    running.get();
    CHECK(code_of([&] { runner.run(run_in_executor(pool, twice, 1)); }) == Errc::runner_closed);
    pool.close();

    shared.is_open = false;
    ProcessPool killed{1};
    running = blocked(killed);
    shared.wait_for(2);
    killed.kill();
    CHECK(code_of([&] { running.get(); }) == Errc::runner_closed);
    {
        ProcessPool destroyed{1};
        running = blocked(destroyed);
        shared.wait_for(3);
    }
    CHECK(code_of([&] { running.get(); }) == Errc::runner_closed);
    CHECK_THROWS_AS(ProcessPool(0), std::invalid_argument);
    ProcessPool const unused;
    CHECK(unused.size() == 0);
}

TEST_CASE("A loop that ends first kills what runs for it") {
    ProcessPool pool{1};
    shared.arrived = 0;
    std::future<void> left;
    {
        ThreadRunner runner;
        left = runner.run_as_future(run_in_executor(pool, never_end));
        shared.wait_for(1);
    }
    CHECK(code_of([&] { left.get(); }) == Errc::runner_closed);
    CHECK_FALSE(is_alive(shared.process));
    {
        asio::io_context context;
        asio::co_spawn(context, run_in_executor(pool, never_end), asio::detached);
        context.poll();
        shared.wait_for(2);
    }
    require_gone(shared.process);
    ThreadRunner runner;
    CHECK(runner.run(run_in_executor(pool, twice, 1)) == 2);
}

TEST_CASE("A function that the processes do not have is refused") {
    ProcessPool pool{1};
    auto* const elsewhere = reinterpret_cast<int (*)(int)>(&shared);
    CHECK(code_of([&] {
              static_cast<void>(run_in_executor(pool, elsewhere, 1));
          }) == std::errc::operation_not_permitted);
}

TEST_CASE("The child of a fork has no pool of its parent's") {
    ThreadRunner runner;
    ProcessPool pool{1};
    CHECK(runner.run(run_in_executor(pool, twice, 1)) == 2);
    pid_t const child = ::fork();
    if (child == 0) {
        ::alarm(10);
        syncopate::Runner own;
        bool const is_refused =
            code_of([&] { own.run(run_in_executor(pool, twice, 2)); }) == Errc::forked &&
            code_of([&] { pool.close(); }) == Errc::forked;
        ::_exit(is_refused ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    CHECK(runner.run(run_in_executor(pool, twice, 3)) == 6);
}
