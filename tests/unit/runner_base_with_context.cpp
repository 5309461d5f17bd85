// with_context: a body on the caller's thread, whose exception the context's exit sees and may
// suppress.
#include "support/audit.hpp"
#include "support/catch.hpp"
#include "support/contexts.hpp"
#include "support/errors.hpp"
#include "support/loops.hpp"
#include "support/tasks.hpp"
#include <syncopate/error.hpp>
#include <syncopate/options.hpp>
#include <syncopate/thread_runner.hpp>

#include <boost/asio/awaitable.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>

#include <pthread.h>

namespace {

namespace asio = boost::asio;
using support::Entries;
using support::ErrorLog;
using support::failing;
using support::in_words;
using support::Journal;
using support::message_of;
using support::NotedContext;
using support::Tracked;
using syncopate::Options;
using syncopate::ThreadRunner;

// Keeps the exception that its exit is given, and suppresses it or not.
class Suppressing {
public:
    Suppressing(bool suppresses, std::exception_ptr& seen)
        : suppresses_(suppresses), seen_(&seen) {}

    asio::awaitable<void> aenter() { return support::nothing(); }
    asio::awaitable<bool> aexit(std::exception_ptr error) {
        Tracked const frame;
        *seen_ = error;
        co_return suppresses_;
    }

private:
    bool suppresses_;
    std::exception_ptr* seen_;
};

class Giving {
public:
    explicit Giving(int& object) : object_(&object) {}

    asio::awaitable<std::reference_wrapper<int>> aenter() {
        Tracked const frame;
        co_return std::ref(*object_);
    }
    asio::awaitable<void> aexit(std::exception_ptr) { return support::nothing(); }

private:
    int* object_;
};

// An error of a type that only its own code knows.
struct OwnError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

asio::awaitable<void> fail_in_own_way(std::string message) {
    Tracked const frame;
    throw OwnError(message);
    co_return;
}

// The messages of an exception and of all those nested in it, outermost first.
Entries nested_messages(std::exception const& error) {
    Entries messages{error.what()};
    try {
        std::rethrow_if_nested(error);
    } catch (std::exception const& inner) {
        auto const more = nested_messages(inner);
        messages.insert(messages.end(), more.begin(), more.end());
    }
    return messages;
}

template <class F>
Entries nested_messages_of(F&& function) {
    try {
        function();
    } catch (std::exception const& error) {
        return nested_messages(error);
    }
    return {};
}

LOOP_TEST_CASE(
    "with_context runs its body between the entry and the exit of a context", support::EveryLoop) {
    Journal journal;
    support::AnyLoop loop;
    int const result = loop.runner.with_context(NotedContext(journal, "a"), [&](NotedContext& a) {
        journal.add("body of " + a.name());
        return 7;
    });
    CHECK(result == 7);
    CHECK(journal.entries() == Entries{"enter a", "body of a", "exit a: nothing"});
}

TEST_CASE("The body of with_context runs on the calling thread") {
    Journal journal;
    ThreadRunner runner;
    auto const thread = runner.with_context(
        NotedContext(journal, "a"), [](NotedContext&) { return std::this_thread::get_id(); });
    CHECK(thread == std::this_thread::get_id());
}

TEST_CASE("The body of with_context is given what aenter gives") {
    ThreadRunner runner;
    int object = 0;
    runner.with_context(Giving(object), [](int& given) { given = 7; });
    CHECK(object == 7);
}

TEST_CASE("The body of with_context may return nothing") {
    Journal journal;
    ThreadRunner runner;
    auto const call = [&] {
        return runner.with_context(NotedContext(journal, "a"), [](NotedContext&) {});
    };
    STATIC_REQUIRE(std::is_void_v<decltype(call())>);
    call();
    CHECK(journal.entries() == Entries{"enter a", "exit a: nothing"});
}

TEST_CASE("The body of with_context may return what can only be moved") {
    Journal journal;
    ThreadRunner runner;
    auto const result = runner.with_context(
        NotedContext(journal, "a"), [](NotedContext&) { return std::make_unique<int>(7); });
    CHECK(*result == 7);
}

TEST_CASE("A reference that the body of with_context returns stays a reference") {
    Journal journal;
    ThreadRunner runner;
    int object = 0;
    auto const call = [&]() -> decltype(auto) {
        return runner.with_context(
            NotedContext(journal, "a"), [&](NotedContext&) -> int& { return object; });
    };
    CHECK(std::is_same_v<decltype(call()), int&>);
}

TEST_CASE("A reference may be empty where aexit can suppress an exception") {
    std::exception_ptr seen;
    ThreadRunner runner;
    int object = 0;
    auto const result =
        runner.with_context(Suppressing(true, seen), [&](Suppressing&) -> int& { return object; });
    REQUIRE(result);
    CHECK(&result->get() == &object);
}

TEST_CASE("with_context uses an lvalue context in place") {
    Journal journal;
    ThreadRunner runner;
    NotedContext context(journal, "a");
    auto const* used = runner.with_context(context, [](NotedContext& c) { return &c; });
    CHECK(used == &context);
}

TEST_CASE("The body of with_context does not run if the context cannot be entered") {
    Journal journal;
    ThreadRunner runner;
    auto const call = [&] {
        runner.with_context(NotedContext(journal, "a", failing("no entry")), [&](NotedContext&) {
            journal.add("body");
        });
    };
    CHECK(message_of<std::runtime_error>(call) == "no entry");
    CHECK(journal.entries() == Entries{"enter a"});
}

TEST_CASE("aexit gets the very exception that leaves the body, and it comes out unchanged") {
    ThreadRunner runner;
    std::exception_ptr seen;
    auto const error = std::make_exception_ptr(OwnError("from the body"));
    std::exception_ptr came_out;
    try {
        runner.with_context(
            Suppressing(false, seen), [&](Suppressing&) { std::rethrow_exception(error); });
    } catch (OwnError const&) {
        came_out = std::current_exception();
    }
    CHECK(seen == error);
    CHECK(came_out == error);
}

TEST_CASE("aexit gets nothing when the body returns") {
    ThreadRunner runner;
    auto seen = std::make_exception_ptr(OwnError("not replaced"));
    runner.with_context(Suppressing(false, seen), [](Suppressing&) {});
    CHECK_FALSE(seen);
}

TEST_CASE("with_context gives an optional where aexit can suppress an exception") {
    ThreadRunner runner;
    std::exception_ptr seen;
    auto const result =
        runner.with_context(Suppressing(true, seen), [](Suppressing&) { return 7; });
    STATIC_REQUIRE(std::is_same_v<decltype(result), std::optional<int> const>);
    CHECK(result == 7);
}

TEST_CASE("with_context gives an empty optional when aexit has suppressed an exception") {
    ThreadRunner runner;
    std::exception_ptr seen;
    auto const result = runner.with_context(
        Suppressing(true, seen), [](Suppressing&) -> int { throw OwnError("from the body"); });
    CHECK(result == std::nullopt);
    CHECK(in_words(seen) == "from the body");
}

TEST_CASE("A suppressed exception of a body that returns nothing does not come out") {
    ThreadRunner runner;
    std::exception_ptr seen;
    CHECK_NOTHROW(runner.with_context(
        Suppressing(true, seen), [](Suppressing&) { throw OwnError("from the body"); }));
    CHECK(in_words(seen) == "from the body");
}

TEST_CASE("An exception that aexit does not suppress comes out although it could have") {
    ThreadRunner runner;
    std::exception_ptr seen;
    auto const call = [&] {
        static_cast<void>(runner.with_context(Suppressing(false, seen), [](Suppressing&) -> int {
            throw OwnError("from the body");
        }));
    };
    CHECK(message_of<OwnError>(call) == "from the body");
}

TEST_CASE("What aexit throws after the body has returned comes out of with_context") {
    Journal journal;
    ThreadRunner runner;
    auto const call = [&] {
        runner.with_context(
            NotedContext(journal, "a", {}, failing("no exit")), [](NotedContext&) { return 7; });
    };
    CHECK(nested_messages_of(call) == Entries{"no exit"});
}

TEST_CASE("What aexit throws comes out with the body's exception nested in it") {
    Journal journal;
    ThreadRunner runner;
    auto const call = [&] {
        runner.with_context(NotedContext(journal, "a", {}, failing("no exit")), [](NotedContext&) {
            throw OwnError("from the body");
        });
    };
    CHECK(nested_messages_of(call) == Entries{"no exit", "from the body"});
}

TEST_CASE("An exception of aexit's own type comes out, and the body's goes to on_error") {
    Journal journal;
    ErrorLog log;
    ThreadRunner runner(Options().on_error(log.handler()));
    auto const call = [&] {
        runner.with_context(
            NotedContext(journal, "a", {}, [] { return fail_in_own_way("no exit"); }),
            [](NotedContext&) { throw std::runtime_error("from the body"); });
    };
    CHECK(message_of<OwnError>(call) == "no exit");
    CHECK(log.messages() == Entries{"from the body"});
}

TEST_CASE("A body that closes the runner has its context left by that, once") {
    Journal journal;
    ThreadRunner runner;
    auto const result = runner.with_context(NotedContext(journal, "a"), [&](NotedContext&) {
        runner.close();
        return 7;
    });
    CHECK(result == 7);
    CHECK(journal.entries() == Entries{"enter a", "exit a: the runner is closed"});
}

TEST_CASE("A body that ends its thread has its context left as an exception does") {
    Journal journal;
    ThreadRunner runner;
    std::thread([&] {
        runner.with_context(
            NotedContext(journal, "a"), [](NotedContext&) { ::pthread_exit(nullptr); });
    }).join();
    CHECK(journal.entries() == Entries{"enter a", "exit a: an exception passed through the scope"});
}

}  // namespace
