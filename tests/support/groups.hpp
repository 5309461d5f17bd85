// What the tests of structured concurrency have in common: tasks that fail, that answer to being cancelled in one way or
// another, and whose loop ends first.
#pragma once

#include "support/audit.hpp"
#include "support/tasks.hpp"
#include <syncopate/error.hpp>
#include <syncopate/task_group.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <concepts>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace support {

/// Fails before it is suspended.
inline asio::awaitable<void> fail_at_once(std::string message) {
    Tracked const frame;
    throw std::runtime_error(message);
    co_return;
}

/// Fails in a later turn of the loop.
inline asio::awaitable<void> fail_later(std::string message) {
    Tracked const frame;
    co_await asio::post(asio::use_awaitable);
    throw std::runtime_error(message);
}

/// Lasts until it is cancelled, and then fails.
inline asio::awaitable<void> fail_when_cancelled(std::string message) {
    Tracked const frame;
    co_await until_cancelled();
    throw std::runtime_error(message);
}

/// Lasts until it is cancelled, and ends by operation_aborted inside the emission of the signal, as no
/// operation of Asio's own does.
inline asio::awaitable<void> end_inside_cancellation() {
    Tracked const frame;
    co_await asio::async_initiate<asio::use_awaitable_t<> const, void(boost::system::error_code)>(
        [](auto handler) {
            auto slot = asio::get_associated_cancellation_slot(handler);
            slot.assign([handler = std::move(handler)](asio::cancellation_type) mutable {
                auto called = std::move(handler);
                std::move(called)(boost::system::error_code(asio::error::operation_aborted));
            });
        },
        asio::use_awaitable);
}

/// Notes its end, however it comes.
class NotesEnd {
public:
    explicit NotesEnd(int& ended) noexcept : ended_(&ended) {}
    NotesEnd(NotesEnd&& other) noexcept : ended_(std::exchange(other.ended_, nullptr)) {}
    NotesEnd& operator=(NotesEnd&&) = delete;
    ~NotesEnd() {
        if (ended_)
            ++*ended_;
    }

private:
    int* ended_;
};

/// Lasts until it is cancelled, and counts itself when it ends.
inline asio::awaitable<void> forever_counted(int& ended) {
    NotesEnd const note(ended);
    co_await forever();
}

/// The same, but it is cancelled in vain.
inline asio::awaitable<void> forever_despite_cancellation(int& ended) {
    NotesEnd const note(ended);
    co_await until_cancelled();
    co_await forever();
}

/// Lets the task come as far as it can, and destroys the loop. catch_main.cpp sees to it that nothing of the task is
/// left.
template <class Task>
void abandon(Task task) {
    asio::io_context context;
    asio::co_spawn(context, task, asio::detached);
    context.poll();
}

template <class Task>
void abandon_on_strand(Task task) {
    asio::io_context context;
    asio::co_spawn(asio::make_strand(context), task, asio::detached);
    context.poll();
}

/// What an exception_ptr says, or "aborted" for operation_aborted.
inline std::string in_brief(std::exception_ptr const& error) {
    try {
        std::rethrow_exception(error);
    } catch (boost::system::system_error const& e) {
        return e.code() == asio::error::operation_aborted ? "aborted" : e.what();
    } catch (std::exception const& e) {
        return e.what();
    }
}

using Failures = std::vector<std::string>;

/// What is in the TaskGroupError that the function throws; empty if it returns.
template <std::invocable F>
Failures failures_of(F&& function) {
    Failures failures;
    try {
        static_cast<void>(std::forward<F>(function)());
    } catch (syncopate::TaskGroupError const& error) {
        for (auto const& each : error.errors())
            failures.push_back(in_brief(each));
    }
    return failures;
}

/// What fails in a group with this body.
template <class Runner, class Body>
Failures failures_of_group(Runner& runner, Body body) {
    return failures_of([&] { runner.run(syncopate::with_task_group(std::move(body))); });
}

/// Whether the function ends by operation_aborted.
template <std::invocable F>
bool is_aborted(F&& function) {
    try {
        static_cast<void>(std::forward<F>(function)());
    } catch (boost::system::system_error const& error) {
        return error.code() == asio::error::operation_aborted;
    }
    return false;
}

}  // namespace support
