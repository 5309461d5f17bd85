// PerfettoTrace: the trace is complete JSON at any time, and each begin in it has its end.
#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/json.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include "support/temporary_directory.hpp"
#include <syncopate/error.hpp>
#include <syncopate/event.hpp>
#include <syncopate/from_thread.hpp>
#include <syncopate/gather.hpp>
#include <syncopate/label.hpp>
#include <syncopate/options.hpp>
#include <syncopate/perfetto_trace.hpp>
#include <syncopate/to_calling_thread.hpp>
#include <syncopate/to_thread.hpp>

#include <boost/asio/awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace support;
using syncopate::Event;
using syncopate::label;
using syncopate::Options;
using syncopate::PerfettoTrace;
using syncopate::to_thread;

/// The events of a file that is strict JSON.
std::vector<Json> events_in(std::filesystem::path const& path) {
    std::ifstream file(path, std::ios::binary);
    std::string const text(std::istreambuf_iterator<char>(file), {});
    return Json::parse(text)["traceEvents"].array;
}

std::vector<Json> with_phase(std::vector<Json> events, std::string_view phases) {
    std::erase_if(
        events, [&](Json const& each) { return phases.find(each["ph"].string) == phases.npos; });
    return events;
}

/// What is wrong with a trace of what has ended, in words: asynchronous events that are not paired by their
/// category and id, functions that do not nest on their threads, threads without a name.
std::string faults_of(std::vector<Json> const& events) {
    std::string faults;
    std::map<std::string, std::string> open;
    std::map<double, std::vector<std::string>> stacks;
    std::set<double> named;
    for (auto const& event : events) {
        auto const& phase = event["ph"].string;
        auto const thread = event["tid"].number;
        auto const& name = event["name"].string;
        if (phase == "M") {
            named.insert(thread);
            continue;
        }
        if (!named.contains(thread))
            faults += name + " is on a thread without a name; ";
        if (event["ts"].type != Json::Type::number)
            faults += name + " has no time; ";
        if (phase == "b") {
            if (!open.emplace(event["cat"].string + event["id"].string, name).second)
                faults += name + " begins twice; ";
        } else if (phase == "e") {
            auto const begun = open.find(event["cat"].string + event["id"].string);
            if (begun == open.end() || begun->second != name)
                faults += name + " ends and has not begun; ";
            else
                open.erase(begun);
        } else if (phase == "B") {
            stacks[thread].push_back(name);
        } else if (stacks[thread].empty() || stacks[thread].back() != name) {
            faults += name + " ends and has not begun; ";
        } else {
            stacks[thread].pop_back();
        }
    }
    for (auto const& [id, name] : open)
        faults += name + " does not end; ";
    for (auto const& [thread, stack] : stacks)
        if (!stack.empty())
            faults += stack.back() + " does not end; ";
    return faults;
}

asio::awaitable<void> everything() {
    Tracked const frame;
    co_await syncopate::gather(
        to_thread([] { syncopate::from_thread::run(twice_later(1)); }),
        to_thread([] { syncopate::from_thread::call([] {}); }), twice_later(2));
    co_await syncopate::to_calling_thread([] {});
}

Event event_of(Event::Phase phase, std::string text) {
    return {
        .kind = Event::Kind::task,
        .phase = phase,
        .id = 7,
        .task = 7,
        .label = std::move(text),
        .location = {},
        .runner = "runner",
        .time = std::chrono::steady_clock::now()};
}

/// The most that a file of this process may hold, until the end of the scope. A write beyond it is an error.
class FileSizeLimit {
public:
    explicit FileSizeLimit(rlim_t size) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        rlimit const limit{size, before_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    FileSizeLimit(FileSizeLimit const&) = delete;
    FileSizeLimit& operator=(FileSizeLimit const&) = delete;
    ~FileSizeLimit() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }

private:
    rlimit before_{};
    void (*handler_)(int);
};

}  // namespace

LOOP_TEST_CASE("The trace of a runner that has gone is complete", EveryLoop) {
    TemporaryDirectory const directory;
    auto const path = directory.path() / "trace.json";
    {
        AnyLoop loop(Options().name("traced").on_event(PerfettoTrace{path}));
        loop.runner.run(label("everything", everything()));
        loop.runner.call([] {});
        auto cancelled = loop.runner.run_as_future(forever());
        CHECK(code_of([&] { loop.runner.run_for(1ms, forever()); }) == syncopate::Errc::timed_out);
        loop.runner.close();
    }
    auto const events = events_in(path);
    CHECK(faults_of(events).empty());
    CHECK(with_phase(events, "b").size() == 4);
    CHECK(with_phase(events, "B").size() == 5);
    auto const first = with_phase(events, "b").at(0);
    CHECK(first["name"].string == "everything");
    CHECK(first["cat"].string == "task");
    CHECK(first["args"]["runner"].string == "traced");
}

TEST_CASE("The threads bear their names") {
    TemporaryDirectory const directory;
    auto const path = directory.path() / "trace.json";
    {
        OnThreadRunner loop(Options().name("loop").on_event(PerfettoTrace{path}));
        loop.runner.run(everything());
    }
    std::set<std::string> names;
    for (auto const& event : with_phase(events_in(path), "M"))
        if (event["name"].string == "thread_name")
            names.insert(event["args"]["name"].string);
    CHECK(names.contains("loop"));
    CHECK(names.contains("loop-1"));
    CHECK(names.size() >= 3);
}

TEST_CASE("Several runners and threads write one trace") {
    TemporaryDirectory const directory;
    auto const path = directory.path() / "trace.json";
    constexpr std::size_t calls = 500;
    {
        PerfettoTrace const trace{path};
        OnThreadRunner one(Options().on_event(trace));
        OnThreadRunner other(Options().on_event(trace));
        auto const call = [&](OnThreadRunner& loop) {
            for (std::size_t i = 0; i < calls; ++i)
                loop.runner.run(to_thread([] {}));
        };
        std::jthread const first([&] { call(one); });
        std::jthread const second([&] { call(other); });
    }
    auto const events = events_in(path);
    CHECK(faults_of(events).empty());
    CHECK(with_phase(events, "b").size() == 2 * calls);
    CHECK(with_phase(events, "B").size() == 2 * calls);
}

TEST_CASE("The file is complete JSON also while the runner is there") {
    TemporaryDirectory const directory;
    auto const path = directory.path() / "trace.json";
    OnThreadRunner loop(Options().on_event(PerfettoTrace{path}));
    CHECK(with_phase(events_in(path), "M").size() == 1);
    for (int i = 0; i < 1'000; ++i)
        loop.runner.run(nothing());
    CHECK(with_phase(events_in(path), "b").size() > 100);
}

TEST_CASE("Any text is a string of JSON") {
    TemporaryDirectory const directory;
    auto const path = directory.path() / "trace.json";
    std::optional<PerfettoTrace> trace(path);
    auto const name_of = [&](std::string text) {
        trace.emplace(path);
        (*trace)(event_of(Event::Phase::begin, std::move(text)));
        trace.reset();
        return events_in(path).back()["name"].string;
    };
    CHECK(name_of("a\"b\\c/d\n\t\x01 e") == "a\"b\\c/d\n\t\x01 e");
    CHECK(
        name_of("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80") ==
        "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80");
    CHECK(name_of("\xff|\xc0\x80|\xe4") == "\\ufffd|\\ufffd\\ufffd|\\ufffd");
    CHECK(name_of("\xed\xa0\x80") == "\\ufffd\\ufffd\\ufffd");
    CHECK(name_of(std::string("a\0b", 3)) == std::string("a\0b", 3));
}

TEST_CASE("A trace that cannot be opened or written to is an error at once") {
    TemporaryDirectory const directory;
    auto const missing = directory.path() / "missing" / "trace.json";
    CHECK(code_of([&] { PerfettoTrace{missing}; }) == std::errc::no_such_file_or_directory);
    CHECK(code_of([&] { PerfettoTrace{directory.path()}; }) == std::errc::is_a_directory);
    CHECK(code_of([&] { PerfettoTrace{"/dev/full"}; }) == std::errc::no_space_on_device);
    CHECK_THAT(
        message_of<std::system_error>([&] { PerfettoTrace{missing}; }),
        Catch::Matchers::ContainsSubstring(missing.string()));
}

TEST_CASE("A full disk is reported once, and what was written before stays complete") {
    TemporaryDirectory const directory;
    auto const path = directory.path() / "trace.json";
    ErrorLog log;
    {
        OnThreadRunner loop(Options().on_error(log.handler()).on_event(PerfettoTrace{path}));
        FileSizeLimit const limit(100'000);
        for (int i = 0; i < 2'000; ++i)
            loop.runner.run(nothing());
    }
    CHECK(log.errors().size() == 1);
    auto const events = events_in(path);
    CHECK(with_phase(events, "b").size() > 100);
    CHECK(with_phase(events, "b").size() < 2'000);
}

TEST_CASE("A child of fork() does not write to its parent's trace") {
    TemporaryDirectory const directory;
    auto const path = directory.path() / "trace.json";
    std::optional<PerfettoTrace> trace(path);
    (*trace)(event_of(Event::Phase::begin, "parent's"));
    (*trace)(event_of(Event::Phase::end, "parent's"));
    auto const child = ::fork();
    if (child == 0) {
        (*trace)(event_of(Event::Phase::begin, "child's"));
        trace.reset();
        ::_exit(0);
    }
    REQUIRE(child > 0);
    int status = 1;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
    trace.reset();
    auto const events = events_in(path);
    CHECK(faults_of(events).empty());
    CHECK(events.back()["name"].string == "parent's");
}
